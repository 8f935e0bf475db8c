/** What deploy/ gives to Portcullis, read by what reads it there. */
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseAllDocuments } from 'yaml';

import { lintPaths } from '../../src/cli/lint.ts';
import type { ServiceConfig } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ROOT, textOf, yamlOf } from './support.ts';

type Json = Readonly<Record<string, unknown>>;

const CHART = 'deploy/helm/portcullis';
const filesOf = (pattern: string): string[] => globSync(pattern, { cwd: ROOT }).sort();

const folder = mkdtempSync(join(tmpdir(), 'portcullis-deploy-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The values of the chart's own file, and of each example. */
const VALUES = [`${CHART}/values.yaml`, ...filesOf(`${CHART}/ci/*.yaml`)].map(
  (file) => [file, yamlOf(file) as { readonly config?: Json; readonly policies?: { readonly files?: Json } }] as const,
);

const configSchema = new Ajv2020({ strict: true }).compile(
  JSON.parse(textOf('policies/schema/config.schema.json')) as Json,
);

describe('files in deploy/', () => {
  const templates = /^deploy\/helm\/[^/]+\/templates\//;
  it.each(filesOf('deploy/**/*.{yaml,json}').filter((file) => !templates.test(file)))('%s parses', (file) => {
    const documents = parseAllDocuments(textOf(file));
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
  });

  it.each(filesOf('deploy/**/*.{yaml,tpl}'))('%s mounts nothing in a way that is never renewed', (file) => {
    expect(textOf(file)).not.toMatch(/^\s*(?:- )?subPath(?:Expr)?:/m);
  });
});

describe('configurations of Portcullis', () => {
  it.each(filesOf('deploy/**/portcullis.yaml'))('%s is one', (file) => {
    expect(configSchema(yamlOf(file))).toBe(true);
    expect(loadConfig({ file: join(ROOT, file), env: {} }).diagnostics).toEqual([]);
  });

  it.each(VALUES.filter(([, { config }]) => config !== undefined))('%s has one in `config`', (file, { config }) => {
    const written = join(folder, basename(file));
    writeFileSync(written, JSON.stringify(config));
    expect(configSchema(config)).toBe(true);
    expect(loadConfig({ file: written, env: {} }).diagnostics).toEqual([]);
  });

  it('would not be taken with a key that is not there', () => {
    expect(configSchema({ trustdomain: 'cluster.local' })).toBe(false);
  });
});

describe('policies', () => {
  const { config } = loadConfig({ env: {} }) as { readonly config: ServiceConfig };
  const lint = async (path: string): Promise<unknown> => (await lintPaths([path], config)).diagnostics;

  it.each(filesOf('deploy/kubernetes/**/policies'))('%s has nothing for lint to tell', async (path) => {
    expect(await lint(join(ROOT, path))).toEqual([]);
  });

  const inValues = VALUES.flatMap(([file, { policies }]) =>
    Object.entries(policies?.files ?? {}).map(([name, text]) => [file, name, text as string] as const),
  );
  it.each(inValues)('%s: %s has nothing for lint to tell', async (_, name, text) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    expect(await lint(path)).toEqual([]);
  });

  it('are in the values of at least one example', () => {
    expect(inValues).not.toEqual([]);
  });
});
