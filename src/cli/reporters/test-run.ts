/** How the result of policy tests is shown. */
import { visibleText } from '../../lib/visible-text.ts';
import type { Difference } from '../policy-test/compare.ts';
import type { CoveredRule } from '../policy-test/coverage.ts';
import type { FileResult, TestResult, TestRun } from '../policy-test/run.ts';
import type { Painter } from '../terminal.ts';
import { decisionFields } from './decision.ts';
import { counted, diagnosticJson, diagnosticsText } from './diagnostics.ts';
import { wayText } from './explanation.ts';

export interface TestSummary {
  readonly files: number;
  readonly tests: number;
  readonly passed: number;
  readonly failed: number;
  /** Files none of whose tests could be run. */
  readonly brokenFiles: number;
}

export function summaryOf({ files }: TestRun): TestSummary {
  const tests = files.flatMap((file) => file.tests);
  const passed = tests.filter((test) => test.passed).length;
  const brokenFiles = files.filter(isBroken).length;
  return { files: files.length, tests: tests.length, passed, failed: tests.length - passed, brokenFiles };
}

function isBroken({ diagnostics }: FileResult): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

export function testRunText(run: TestRun, withCoverage: boolean, paint: Painter): string {
  const parts = run.files.map((file) => fileText(file, run, paint));
  if (withCoverage) parts.push(coverageText(run.rules, paint));
  const { files, tests, failed, passed, brokenFiles } = summaryOf(run);
  const bad = failed > 0 || brokenFiles > 0;
  const broken = brokenFiles === 0 ? '' : `, ${counted(brokenFiles, 'file')} with errors`;
  const summary = `${passed} passed, ${failed} failed${broken}: ${counted(tests, 'test')} in ${counted(files, 'file')}`;
  return `${parts.join('')}${paint(bad ? 'red' : 'green', summary)}\n`;
}

function fileText(file: FileResult, { texts }: TestRun, paint: Painter): string {
  const title = `${paint('bold', visibleText(file.path))}\n`;
  const problems = diagnosticsText(file.diagnostics, texts, paint);
  return `${title}${problems}${file.tests.map((test) => testText(test, paint)).join('')}`;
}

function testText(test: TestResult, paint: Painter): string {
  const name = visibleText(test.name);
  if (test.passed) return `  ${paint('green', '✓')} ${name}\n`;
  const lines = [`  ${paint('red', '✗')} ${name} (line ${test.line})`];
  if (test.problem !== null) lines.push(`      ${visibleText(test.problem)}`);
  const width = Math.max(0, ...test.differences.map(({ field }) => field.length));
  for (const difference of test.differences) lines.push(...differenceLines(difference, width, paint));
  if (test.decided !== null) lines.push('      the way of the decision:', ...wayText(test.decided, paint, '        '));
  return `${lines.join('\n')}\n`;
}

function differenceLines({ field, expected, actual }: Difference, width: number, paint: Painter): string[] {
  const shown = (value: string | null): string => (value === null ? '(none)' : visibleText(value));
  return [
    `      ${field.padEnd(width)}  ${paint('green', `- expected ${shown(expected)}`)}`,
    `      ${' '.repeat(width)}  ${paint('red', `+ got      ${shown(actual)}`)}`,
  ];
}

function coverageText(rules: readonly CoveredRule[], paint: Painter): string {
  const open = rules.filter(({ matched }) => !matched);
  const lines = [`coverage: ${rules.length - open.length} of ${counted(rules.length, 'rule')} matched in some test`];
  for (const { kind, policy, rule } of open) {
    lines.push(`  ${paint('yellow', 'not matched')} ${kind} ${policy} rule ${visibleText(rule)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** An interface: programs read it. */
export function testRunJson(run: TestRun, withCoverage: boolean): string {
  const files = run.files.map(({ path, diagnostics, tests }) => ({
    file: path,
    diagnostics: diagnostics.map(diagnosticJson),
    tests: tests.map(({ name, line, passed, differences, decided, problem }) => ({
      name,
      line,
      passed,
      differences,
      problem,
      got: decided === null ? null : decisionFields(decided),
    })),
  }));
  const matched = run.rules.filter((rule) => rule.matched).length;
  const coverage = withCoverage ? { coverage: { rules: run.rules, total: run.rules.length, matched } } : {};
  return `${JSON.stringify({ files, summary: summaryOf(run), ...coverage }, null, 2)}\n`;
}
