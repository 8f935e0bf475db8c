/** The shipped policies: held to their own tests, whole without any configuration, clean, and checked by editors as by us. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { lintPaths } from '../../src/cli/lint.ts';
import { runTests } from '../../src/cli/policy-test/run.ts';
import { configFor } from '../../src/cli/policies.ts';

const ROOT = join(import.meta.dirname, '../..');
const POLICIES = join(ROOT, 'policies');
const CONFIG = join(ROOT, 'portcullis.yaml');
const FILES = globSync('**/*.yaml', { cwd: POLICIES }).sort();

function lint(paths: readonly string[], config?: string) {
  return lintPaths(paths, configFor(config === undefined ? {} : { config }, {}, {}));
}

function codesOf({ diagnostics }: Awaited<ReturnType<typeof lint>>, ...severities: readonly string[]): string[] {
  return diagnostics.filter(({ severity }) => severities.includes(severity)).map(({ code }) => code);
}

describe('policy tests', () => {
  it('all pass, and every rule matches in one of them', async () => {
    const run = await runTests([POLICIES], {}, {});
    expect(run.files.flatMap(({ diagnostics }) => diagnostics)).toEqual([]);
    const failed = run.files.flatMap(({ path, tests }) =>
      tests.filter(({ passed }) => !passed).map(({ name, differences }) => ({ path, name, differences })),
    );
    expect(failed).toEqual([]);
    expect(run.rules.filter(({ matched }) => !matched)).toEqual([]);
  });

  it('lie beside every file with rules', () => {
    const withRules = FILES.filter((file) => !file.endsWith('.test.yaml') && file !== 'groups.yaml');
    expect(withRules.filter((file) => !FILES.includes(file.replace(/\.yaml$/, '.test.yaml')))).toEqual([]);
  });
});

describe('lint', () => {
  it('finds nothing but the expired rule that is there to be seen', async () => {
    expect(codesOf(await lint([POLICIES], CONFIG), 'error', 'warning', 'note')).toEqual(['expired-rule']);
  });

  it('finds no error without a configuration, so that a bare serve is ready', async () => {
    expect(codesOf(await lint([POLICIES]), 'error')).toEqual([]);
  });

  it("takes Istio's RequestAuthentication beside them, whoever verifies its tokens", async () => {
    const file = join(ROOT, 'deploy/istio/request-authentication.yaml');
    expect(codesOf(await lint([POLICIES, file], CONFIG), 'error')).toEqual([]);
    expect(codesOf(await lint([POLICIES, file]), 'error')).toEqual([]);
  });
});

describe.each(FILES)('%s', (file) => {
  const path = join(POLICIES, file);
  const text = readFileSync(path, 'utf8');

  it('names the schema that editors check it by, and holds to it', () => {
    const named = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1] ?? '';
    const schema = JSON.parse(readFileSync(join(dirname(path), named), 'utf8')) as object;
    const validate = new Ajv({ strict: false }).compile(schema);
    const wrong = parseAllDocuments(text).filter((document) => !validate(document.toJS()));
    expect(wrong.map(() => validate.errors)).toEqual([]);
  });
});
