import jest from 'eslint-plugin-jest';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.tools/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // `== null` asks for null and undefined at once, which is what it is used for.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'prefer-const': 'error',
      // Code made from text is how data becomes a program: nothing here needs it.
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      // A new action, reason or node kind must make every `switch` over it a compile-time question.
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Numbers print as one expects; objects and undefined do not, and stay forbidden.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `while (true)` with an exit inside is the plain form of a parser's loop.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // `noUncheckedIndexedAccess` makes every index doubtful to the compiler; `!` says that the loop's bound proves it.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Byte strings are spread by code unit on purpose.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['test/**/*.ts'],
    extends: [jest.configs['flat/recommended']],
    rules: {
      'jest/no-disabled-tests': 'error',
      'jest/no-focused-tests': 'error',
      // A helper that asserts is named so.
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*', '**.assert', 'assert*'] }],
      'jest/no-conditional-expect': 'off',
      // One suite, many implementations: it is exported and run against each.
      'jest/no-export': 'off',
      'jest/valid-title': ['error', { ignoreTypeOfDescribeName: true, ignoreTypeOfTestName: true }],
    },
  },
  {
    // Programs that people run in a terminal.
    files: ['scripts/**', 'test/e2e/demo/**', 'load-tests/**'],
    rules: { 'no-console': 'off' },
  },
  {
    // In JavaScript a JSDoc cast gives `JSON.parse` its type, and the rule does not see those. tsc does.
    files: ['**/*.mjs'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
);
