// Tests on a real cluster, as support/runner.ts starts them: one file at a time, because they share one node of two cores.
module.exports = {
  rootDir: '../..',
  testMatch: ['<rootDir>/test/cluster/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'esnext' }, module: { type: 'es6' } },
    ],
  },
  testEnvironment: '<rootDir>/test/cluster/environment.cjs',
  maxWorkers: 1,
  testTimeout: 300_000,
  verbose: true,
}
