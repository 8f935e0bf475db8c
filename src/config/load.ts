/**
 * The one way to a {@link ServiceConfig}: file, then environment, then flags (the later wins), then
 * the schema over all of it.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { compareDiagnostics } from '../lib/diagnostic.ts';
import type { Diagnostic, Position } from '../lib/diagnostic.ts';
import type { ServiceConfig } from './config.ts';
import { readEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { MAX_CONFIG_FILE_BYTES, parseConfigFile } from './file.ts';
import type { ConfigFile } from './file.ts';
import { explainIssue } from './issue.ts';
import type { Places } from './issue.ts';
import { checkedConfigSchema } from './schema.ts';
import { CONFIG_FILE_VARIABLE, SETTINGS, settingPathText, SHORT_FORMS } from './settings.ts';
import { isBranch, namedPosition } from './source.ts';
import type { Override, Overrides, Written } from './source.ts';

export interface ConfigSources {
  /** Path of the YAML file; when absent, what `PORTCULLIS_CONFIG` names; when that is absent too, none. */
  readonly file?: string | undefined;
  readonly env?: Environment | undefined;
  /** By dotted key (`listen`, `log.level`), each value of the key's type; undefined: not given. */
  readonly flags?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>> | undefined;
}

export interface LoadedConfig {
  /** null when any diagnostic is an error. Frozen all the way down. */
  readonly config: ServiceConfig | null;
  /** All problems, sorted by place. `position.file` is the file, the variable, or the flag (`--listen`). */
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads and checks the configuration; never throws. Relative paths in the file are relative to it. */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const path = sources.file ?? sources.env?.[CONFIG_FILE_VARIABLE];
  const file = path === undefined || path === '' ? EMPTY_FILE : readConfigFile(path);
  const environment = readEnvironment(sources.env ?? {});
  const flags = readFlags(sources.flags ?? {});
  const overrides = [...environment.values, ...flags.values];
  const diagnostics = [...file.diagnostics, ...environment.diagnostics, ...flags.diagnostics];

  let config: ServiceConfig | null = null;
  if (file.tree !== undefined) {
    const tree = relativeTo(path === undefined ? '' : dirname(path), withoutShortForms(file.tree));
    const result = checkedConfigSchema.safeParse(overlay(tree, overrides), { reportInput: true });
    if (result.success) config = deepFreeze(result.data);
    else {
      const places = placesIn(file, overrides);
      const found = result.error.issues.flatMap((issue) => explainIssue(issue, places));
      // A required key without a value would be reported twice: as empty, and as missing.
      diagnostics.push(...found.filter((each) => !file.diagnostics.some((known) => samePlace(known, each))));
    }
  }
  diagnostics.sort(compareDiagnostics);
  if (diagnostics.some(({ severity }) => severity === 'error')) config = null;
  return { config, diagnostics };
}

const EMPTY_FILE: ConfigFile = parseConfigFile('', '(defaults)');

function readConfigFile(path: string): ConfigFile {
  try {
    const { size } = statSync(path);
    if (size > MAX_CONFIG_FILE_BYTES) {
      return unreadable(path, `is larger than ${String(MAX_CONFIG_FILE_BYTES)} bytes`);
    }
    return parseConfigFile(readFileSync(path, 'utf8'), path);
  } catch (cause) {
    return unreadable(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function unreadable(path: string, why: string): ConfigFile {
  const diagnostic: Diagnostic = {
    severity: 'error',
    code: 'unreadable-file',
    message: `the configuration file cannot be read: ${why}`,
    hint: 'give the path of a YAML file that this process may read',
    position: namedPosition(path),
  };
  return { ...EMPTY_FILE, tree: undefined, diagnostics: [diagnostic] };
}

function readFlags(flags: NonNullable<ConfigSources['flags']>): Overrides {
  const values: Override[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const position = namedPosition(`--${key}`);
    const long = SHORT_FORMS.has(key) ? `${key}.${SHORT_FORMS.get(key)!}` : key;
    const setting = SETTINGS.find(({ path }) => settingPathText(path) === long);
    if (setting !== undefined) values.push({ path: setting.path, value, position });
    else {
      diagnostics.push({
        severity: 'error',
        code: 'unknown-key',
        message: `\`${key}\` is no setting`,
        hint: 'see the configuration reference',
        position,
      });
    }
  }
  return { values, diagnostics };
}

/** A text in the place of a map, where one may be, as that map. */
function withoutShortForms(tree: Written): Written {
  let long = tree;
  for (const [map, key] of SHORT_FORMS) {
    const text = isBranch(long) ? long[map] : undefined;
    if (typeof text !== 'string') continue;
    long = place(long, [map], Object.assign(Object.create(null) as Record<string, Written>, { [key]: text }));
  }
  return long;
}

/** Lays the overrides over a copy of the tree. What is in their way (a text where a map belongs) stays, for the schema to report. */
function overlay(tree: Written, overrides: readonly Override[]): Written {
  let root = tree;
  for (const { path, value } of overrides) root = place(root, path, value);
  return root;
}

function place(tree: Written, path: readonly string[], value: Written): Written {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (!isBranch(tree)) return tree;
  const copy = Object.assign(Object.create(null) as Record<string, Written>, tree);
  copy[key] = place(tree[key] ?? (Object.create(null) as Written), rest, value);
  return copy;
}

function placesIn(file: ConfigFile, overrides: readonly Override[]): Places {
  const overrideOf = (path: readonly PropertyKey[]): Position | undefined =>
    overrides.findLast((override) => override.path.every((key, index) => path[index] === key))?.position;
  return {
    ofValue: (path) => overrideOf(path) ?? file.valuePosition(path),
    ofKey: (path) => overrideOf(path) ?? file.keyPosition(path),
  };
}

function samePlace(a: Diagnostic, b: Diagnostic): boolean {
  return (
    a.position.file === b.position.file &&
    a.position.line === b.position.line &&
    a.position.column === b.position.column
  );
}

/** Settings that name files; `*` is each entry of a list. */
const PATH_SETTINGS: readonly (readonly string[])[] = [
  ['policies', '*'],
  ['tls', 'certFile'],
  ['tls', 'keyFile'],
  ['tls', 'clientCaFile'],
  ['admin', 'tokenFile'],
  ['admin', 'tls', 'certFile'],
  ['admin', 'tls', 'keyFile'],
  ['admin', 'tls', 'clientCaFile'],
  ['identity', 'fetch', 'targets', '*', 'caFile'],
  ['identity', 'fetch', 'targets', '*', 'bearerTokenFile'],
  ['identity', 'clients', '*', 'secretFile'],
  ['identity', 'clients', '*', 'tokenFile'],
  ['identity', 'revocation', 'file'],
  ['audit', 'directory'],
  ['audit', 'file', 'directory'],
  ['audit', 'http', 'headersFile'],
  ['audit', 'http', 'caFile'],
  ['audit', 'otlp', 'headersFile'],
  ['audit', 'otlp', 'caFile'],
  ['audit', 'integrity', 'keyFile'],
  ['telemetry', 'otlp', 'headersFile'],
  ['telemetry', 'otlp', 'caFile'],
];

/** A file is moved together with what it names, so its paths start at its own directory. */
function relativeTo(directory: string, tree: Written): Written {
  if (directory === '' || directory === '.') return tree;
  const resolve = (path: string): string => (path === '' || isAbsolute(path) ? path : join(directory, path));
  return PATH_SETTINGS.reduce((result, path) => withTexts(result, path, resolve), tree);
}

/** A copy in which the texts at `path` are changed; what is not as the path has it stays, for the schema to report. */
function withTexts(tree: Written, [key, ...rest]: readonly string[], change: (text: string) => string): Written {
  if (key === undefined) return typeof tree === 'string' ? change(tree) : tree;
  if (key === '*') {
    return Array.isArray(tree) ? (tree as readonly Written[]).map((item) => withTexts(item, rest, change)) : tree;
  }
  const inner = isBranch(tree) ? tree[key] : undefined;
  if (inner === undefined) return tree;
  return place(tree, [key], withTexts(inner, rest, change));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
