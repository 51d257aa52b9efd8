/** Equal to package.json's, which a test holds; a constant, so that the bundle needs no file beside it. */
export const VERSION = '0.1.0'
