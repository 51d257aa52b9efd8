/** For esbuild: how everything that runs in an image is bundled, into one minified CommonJS file. */
export const BUNDLE_OPTIONS = {
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node26',
  format: 'cjs',
  legalComments: 'linked',
  logLevel: 'warning',
  metafile: true,
} as const
