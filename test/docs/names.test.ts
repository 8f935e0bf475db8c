/** Metrics, keys, variables and links to codes that prose names are there: a name that is gone does not stay behind in a page. */
import { globSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import { CONFIG_FILE_VARIABLE, keysAt, SETTINGS, settingPathText } from '../../src/config/settings.ts';
import { METRICS, prometheusName } from '../../src/telemetry/names.ts';
import { fill, partsOf } from '../../scripts/docs/fill.ts';
import { DOCS, pageOf, README, ROOT, tableUnder } from './pages.ts';

/** What is generated has its own test. */
const pages = [
  README,
  pageOf('SECURITY.md'),
  pageOf('deploy/README.md'),
  pageOf('policies/schema/README.md'),
  ...DOCS,
].map(({ name, text }) => ({ name, text: fill(text, new Map(partsOf(text).map((part) => [part, '']))) }));

/** Of policies, of what doctor finds, and of the configuration; their own tests hold these tables to the code. */
const codes = new Set(
  ['policy-codes', 'doctor', 'configuration'].flatMap((name) =>
    [...pageOf(`docs/reference/${name}.md`).text.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, code]) => code!),
  ),
);
const metrics = new Set(Object.values(METRICS).map(prometheusName));
const variables = new Set([...SETTINGS.map(({ variable }) => variable), CONFIG_FILE_VARIABLE]);

/** Each key, and each part of the file that has keys below it. */
const keys = new Set(
  SETTINGS.flatMap(({ path }) => path.map((_, index) => settingPathText(path.slice(0, index + 1)))).flatMap((path) => [
    path,
    ...keysAt([...path.split('.'), 0]).map((inner) => `${path}[].${inner}`),
  ]),
);
const firstLevel = Object.keys(configSchema.shape).join('|');

/** Values of the chart, which has some keys of the same names. */
const chart = parse(pageOf('deploy/helm/portcullis/values.yaml').text) as Readonly<Record<string, unknown>>;

function isInChart(path: string): boolean {
  let at: unknown = chart;
  for (const key of path.split('.')) at = (at as Readonly<Record<string, unknown>> | undefined)?.[key];
  return at !== undefined;
}

describe.each(pages)('$name', ({ text }) => {
  it('names only metrics that are there', () => {
    const named = [...text.matchAll(/\bportcullis_[a-z_]+[a-z]/g)].map(([name]) => name);
    expect(named.filter((name) => !metrics.has(name.replace(/_(?:bucket|count|sum)$/, '')))).toEqual([]);
  });

  it('names only keys of the configuration that are there', () => {
    const named = [...text.matchAll(new RegExp(`\`((?:${firstLevel})(?:\\.\\w+)+)(?=[\`: ])`, 'g'))].map(
      ([, name]) => name!,
    );
    const files = /\.(?:crt|key|json)$/;
    const gone = named.filter((name) => !keys.has(name) && !/^responses\.KIND\b/.test(name) && !files.test(name));
    expect(gone.filter((name) => !isInChart(name))).toEqual([]);
  });

  it('names only codes that are there', () => {
    const named = [...text.replace(/^```.*?^```$/gms, '').matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, name]) => name!);
    // The others are headers.
    expect(named.filter((name) => !codes.has(name) && !/^(?:x|content)-/.test(name))).toEqual([]);
  });

  it('names only environment variables that are there', () => {
    const named = [...text.matchAll(/\bPORTCULLIS_[A-Z_]+[A-Z]\b/g)].map(([name]) => name);
    // The one that Kubernetes makes for a Service of this name.
    expect(named.filter((name) => !variables.has(name) && name !== 'PORTCULLIS_SERVICE_HOST')).toEqual([]);
  });
});

it('docs/reference/environment.md has every variable that is read and is no setting', () => {
  const read = globSync('src/**/*.ts', { cwd: ROOT })
    .flatMap((file) => [
      ...pageOf(file).text.matchAll(/'(OTEL_[A-Z_]+)'|\benv\['([A-Z_]+)'\]|\b(POD_\w+|NODE_NAME): '/g),
    ])
    .map(([, ofOtel, ofEnv, ofPod]) => ofOtel ?? ofEnv ?? ofPod!);
  const documented = tableUnder(pageOf('docs/reference/environment.md'), '# Environment variables');
  const names = documented.flatMap(([cell]) => [...cell!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
  expect(names.sort()).toEqual([...new Set([CONFIG_FILE_VARIABLE, ...read])].sort());
});
