/** @type {import('jest').Config} */
export default {
  // The sources and their tests only: `.tools/` and `dist/` hold thousands of files that are none of ours.
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // swc takes the types off and leaves the modules alone; `tsc` checks them in `npm run types`.
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2024', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  // The machines that run this have two cores, and the tests with the real Envoy mostly wait.
  maxWorkers: 2,
};
