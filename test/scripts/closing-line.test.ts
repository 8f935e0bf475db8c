import { afterEach, describe, expect, it, jest } from '@jest/globals';
import ClosingLine from '../../scripts/jest/closing-line.mjs';

describe('the closing line of CI', () => {
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);

  afterEach(() => {
    write.mockClear();
  });

  const none = {
    numPassedTests: 0,
    numFailedTests: 0,
    numRuntimeErrorTestSuites: 0,
    numPendingTests: 0,
    numTodoTests: 0,
  };

  it.each([
    [{ ...none, numPassedTests: 12 }, '12 passed, 0 failed'],
    [{ ...none, numPassedTests: 12, numFailedTests: 2, numRuntimeErrorTestSuites: 1 }, '12 passed, 3 failed'],
    [{ ...none, numPassedTests: 1, numPendingTests: 2, numTodoTests: 1 }, '1 passed, 0 failed, 3 skipped'],
  ])('counts %j', (results, line) => {
    new ClosingLine().onRunComplete(undefined, results);
    expect(write.mock.calls).toEqual([[`\n${line}\n`]]);
  });
});
