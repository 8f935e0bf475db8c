import { describe, expect, test } from '@jest/globals';
import type { Diagnostic, Severity } from '../../src/lib/diagnostic.ts';
import { worstFirst } from '../../src/pap/worst-first.ts';

const problem = (severity: Severity, line: number, file = 'a.yaml'): Diagnostic => ({
  severity,
  code: 'x',
  message: `at ${line}`,
  position: { file, line, column: 1 },
});
const many = (count: number, severity: Severity, file?: string): Diagnostic[] =>
  Array.from({ length: count }, (_, i) => problem(severity, i + 1, file));

describe('what is told of very many problems', () => {
  test('is all of a thousand, as they come', () => {
    const all = [...many(500, 'note'), ...many(500, 'error')];
    expect(worstFirst(all)).toBe(all);
    expect(worstFirst([])).toEqual([]);
  });

  test('is the errors, then warnings, then notes, and how many more there are', () => {
    const all = [...many(300, 'note'), ...many(900, 'warning'), ...many(200, 'error')].reverse();
    const told = worstFirst(all);
    expect(told).toHaveLength(1001);
    expect(told.slice(0, 200)).toEqual(many(200, 'error'));
    expect(told.slice(200, 1000)).toEqual(many(800, 'warning'));
    expect(told[1000]).toEqual({
      severity: 'warning',
      code: 'more-problems',
      message: '400 more problems are not listed',
      hint: 'mend these first, or see all of them with `portcullis lint`',
      position: { file: 'a.yaml', line: 800, column: 1 },
    });
  });

  test('leaves an error to be seen, wherever it stands among notes', () => {
    const told = worstFirst([...many(1000, 'note'), problem('error', 7, 'z.yaml')]);
    expect(told[0]).toEqual(problem('error', 7, 'z.yaml'));
    expect(told[1000]).toMatchObject({ severity: 'note', message: '1 more problems are not listed' });
  });

  test('is by place within a severity, and changes nothing of what it is given', () => {
    const all = [...many(600, 'error', 'b.yaml'), ...many(600, 'error', 'a.yaml')];
    const before = [...all];
    const told = worstFirst(all);
    expect(all).toEqual(before);
    expect(told.slice(0, 600)).toEqual(many(600, 'error', 'a.yaml'));
    expect(told[999]).toEqual(problem('error', 400, 'b.yaml'));
  });
});
