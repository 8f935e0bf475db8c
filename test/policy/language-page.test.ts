/** The page policies/schema/README.md says what the code does, and its examples work. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { compileCel } from '../../src/policy/cel/compile.ts';
import { CEL_VARIABLES } from '../../src/policy/cel/environment.ts';
import type { CelField } from '../../src/policy/cel/environment.ts';
import { KIND_VERSIONS } from '../../src/policy/parse/objects.ts';
import { ATTRIBUTE_KEYS } from '../../src/policy/attribute-key.ts';
import { DECISION_FIELDS, parseTemplate } from '../../src/policy/template.ts';
import { parsePolicyTests } from '../../src/policy/test-file.ts';
import { line, load } from './support.ts';

const page = readFileSync(new URL('../../policies/schema/README.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, text]) => (name === language ? [text!] : []));
}

/** Cells of the table under a heading, without its head. */
function table(heading: string): string[][] {
  const section = page.slice(page.indexOf(`\n## ${heading}`)).split('\n## ')[1]!;
  const rows = section.split('\n').filter((each) => each.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

function leaves(name: string, { type, meaning, fields }: CelField): string[][] {
  if (fields === undefined) return [[`\`${name}\``, type, meaning]];
  return Object.entries(fields).flatMap(([field, each]) => leaves(`${name}.${field}`, each));
}

describe('the page of the policy language', () => {
  it('lists every name of CEL conditions with its type and meaning', () => {
    expect(table('CEL conditions')).toEqual(
      Object.entries(CEL_VARIABLES).flatMap(([name, field]) => leaves(name, field)),
    );
  });

  it('lists every kind, and its first version', () => {
    const kinds = table('Files and kinds');
    expect(kinds.map(([kind]) => kind!.replaceAll('`', '')).sort()).toEqual(Object.keys(KIND_VERSIONS).sort());
    for (const [kind, versions] of kinds) {
      expect(versions).toContain(KIND_VERSIONS[kind!.replaceAll('`', '') as keyof typeof KIND_VERSIONS][0]);
    }
  });

  it('lists what `${…}` takes', () => {
    const rows = table('Templates');
    const [, keys] = rows[0]!;
    for (const key of ATTRIBUTE_KEYS) expect(keys).toContain(key.replace('[…]', '[NAME]'));
    expect(rows.slice(1).map(([name]) => name)).toEqual(DECISION_FIELDS.map((field) => `\`decision.${field}\``));
    expect(parseTemplate('$${a}').problems).toEqual([]);
  });

  it.each(blocks('cel').flatMap((text) => text.trim().split('\n')))('has conditions that compile: %s', (text) => {
    expect(compileCel(text).problems).toEqual([]);
  });

  it.each(blocks('yaml').map((text) => [text.split('\n', 3).join(' '), text]))(
    'has examples that load: %s',
    (_, text) => {
      const { diagnostics } = text.startsWith('policies:') ? parsePolicyTests('a.test.yaml', text) : load(text);
      expect(diagnostics.map(line)).toEqual([]);
    },
  );
});
