/**
 * `PORTCULLIS_…` variables: the path of the key in upper case, words and levels joined by `_`
 * (`cache.ttlSeconds` is `PORTCULLIS_CACHE_TTL_SECONDS`). Lists are separated by commas, maps are
 * JSON objects, lists of maps are JSON.
 */
import type { Diagnostic } from '../lib/diagnostic.ts';
import { closest } from '../lib/closest.ts';
import { CONFIG_FILE_VARIABLE, MOVED, SETTINGS, SHORT_SETTINGS, VARIABLE_PREFIX, variableOf } from './settings.ts';
import type { Setting } from './settings.ts';
import { FORBIDDEN_KEY, isBranch, namedPosition } from './source.ts';
import type { Override, Overrides, Written } from './source.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Kubernetes puts variables for each Service into every container of the namespace ("enableServiceLinks"),
 * so a Service called `portcullis` or `portcullis-health` makes some that look like ours.
 */
const KUBERNETES_SERVICE_VARIABLE =
  /^PORTCULLIS_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/** Reads the variables that are settings. A name that is nearly one is an error, a far one a warning. */
export function readEnvironment(environment: Environment): Overrides {
  const byVariable = new Map([...SETTINGS, ...SHORT_SETTINGS].map((setting) => [setting.variable, setting]));
  const values: Override[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const variable of Object.keys(environment).sort()) {
    const text = environment[variable];
    if (text === undefined || !variable.startsWith(VARIABLE_PREFIX)) continue;
    if (variable === CONFIG_FILE_VARIABLE) continue;
    const setting = byVariable.get(variable);
    if (setting === undefined) {
      if (!KUBERNETES_SERVICE_VARIABLE.test(variable)) diagnostics.push(unknownVariable(variable));
      continue;
    }
    const value = readText(text, setting);
    if (value === undefined) {
      diagnostics.push({
        severity: 'error',
        code: 'wrong-type',
        message: `environment variable \`${variable}\` is no ${EXPECTED[setting.kind].what}: \`${text}\``,
        hint: EXPECTED[setting.kind].hint,
        position: namedPosition(variable),
      });
    } else {
      values.push({ path: setting.path, value, position: namedPosition(variable) });
    }
  }
  return { values, diagnostics };
}

const EXPECTED: Readonly<Record<Setting['kind'], { readonly what: string; readonly hint: string }>> = {
  text: { what: 'text', hint: 'write a text' },
  number: { what: 'number', hint: 'write a decimal number, without a unit' },
  boolean: { what: 'truth value', hint: 'write `true` or `false`' },
  list: { what: 'list', hint: 'separate the entries by commas' },
  map: { what: 'map', hint: 'write a JSON object of texts, such as `{"x-reason":"denied"}`' },
  maps: { what: 'list of maps', hint: 'write a JSON list of objects, such as `[{"url":"https://issuer.example"}]`' },
};

/** The value that the text stands for, or undefined when it is of another type. */
function readText(text: string, setting: Setting): Written | undefined {
  switch (setting.kind) {
    case 'text':
      return text;
    case 'number':
      return /^-?[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'list':
      return text.trim() === '' ? [] : text.split(',').map((entry) => entry.trim());
    case 'map':
      return readMap(text);
    case 'maps':
      return readMaps(text);
  }
}

function readMap(text: string): Written | undefined {
  const map = written(parseJson(text), 1);
  if (!isBranch(map)) return undefined;
  return Object.values(map).every((value) => typeof value === 'string') ? map : undefined;
}

function readMaps(text: string): Written | undefined {
  const list = written(parseJson(text), MAX_JSON_DEPTH);
  return Array.isArray(list) && (list as readonly Written[]).every(isBranch) ? list : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A list of maps that hold lists. */
const MAX_JSON_DEPTH = 3;

/** `depth`: levels of lists and maps. undefined: deeper, or with a key that cannot be one. */
function written(value: unknown, depth: number): Written | undefined {
  if (typeof value !== 'object' || value === null) return value as string | number | boolean | null | undefined;
  if (depth === 0) return undefined;
  if (Array.isArray(value)) {
    const list = value.map((item: unknown) => written(item, depth - 1));
    return list.every((item) => item !== undefined) ? list : undefined;
  }
  const map = Object.create(null) as Record<string, Written>;
  for (const [key, item] of Object.entries(value)) {
    const inner = written(item, depth - 1);
    if (inner === undefined || key === FORBIDDEN_KEY) return undefined;
    map[key] = inner;
  }
  return map;
}

function unknownVariable(variable: string): Diagnostic {
  const moved = [...MOVED].find(([old]) => variableOf(old.split('.')) === variable)?.[1];
  if (moved !== undefined) {
    const now = variableOf(moved.split('.'));
    return {
      severity: 'error',
      code: 'moved-key',
      message: `environment variable \`${variable}\` is called \`${now}\` now`,
      hint: `set \`${now}\``,
      position: namedPosition(variable),
    };
  }
  const near = closest(
    variable,
    SETTINGS.map((setting) => setting.variable),
  );
  const position = namedPosition(variable);
  const message = `environment variable \`${variable}\` is no setting`;
  return near === null
    ? { severity: 'warning', code: 'unknown-variable', message, hint: 'it is ignored', position }
    : { severity: 'error', code: 'unknown-variable', message, hint: `did you mean \`${near}\`?`, position };
}
