/** `*.test.yaml` → policy tests. The schema is schema/policy-test.ts; the runner belongs to the command line. */
import { parseIp } from '../attributes/address.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';
import { asMap } from './parse/expect.ts';
import { entryOf, plainValue, positionOf } from './parse/node.ts';
import type { MapNode, Node } from './parse/node.ts';
import { parseFile } from './parse/parse-file.ts';
import { fieldOf, listField, mapField, stringField, stringsField, textMapField } from './read/fields.ts';
import { Report } from './report.ts';
import { policyTestFile } from './schema/policy-test.ts';
import { checkStructure } from './schema/structure.ts';
import type {
  JsonObject,
  PolicyTest,
  PolicyTestFile,
  TestChanges,
  TestExpectation,
  TestRequest,
} from './test-model.ts';
import { parseTimestamp } from './timestamp.ts';

export interface ParsedPolicyTests {
  /** null when any diagnostic is an error. */
  readonly file: PolicyTestFile | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function parsePolicyTests(path: string, text: string): ParsedPolicyTests {
  const report = new Report();
  const documents = parseFile(path, text, report);
  const [document, second] = documents;
  if (document === undefined && !report.hasErrors) {
    report.error('missing-field', { file: path, line: 1, column: 1 }, 'the field `tests` is missing');
  }
  if (second !== undefined) {
    report.error('too-many', positionOf(second), 'a test file is one document', 'write a second file');
  }
  if (document === undefined) return { file: null, diagnostics: report.sorted() };
  checkStructure(policyTestFile, document, report);
  const root = asMap(document, report);
  const file = root === null ? null : readFile(path, root, report);
  return { file: report.hasErrors ? null : file, diagnostics: report.sorted() };
}

function readFile(path: string, root: MapNode, report: Report): PolicyTestFile {
  const nowMs = readTime(root, 'now', report);
  const defaultsMap = mapField(root, 'defaults', report);
  const defaults = defaultsMap === null ? null : mapField(defaultsMap, 'request', report);
  const config = mapField(root, 'config', report);
  const names = new Map<string, number>();
  const tests: PolicyTest[] = [];
  for (const item of listField(root, 'tests', report)?.items ?? []) {
    const map = asMap(item, report);
    if (map === null) continue;
    const name = stringField(map, 'name', report);
    if (name !== null) checkName(name.value, item, names, report);
    tests.push({
      name: name?.value ?? '',
      position: positionOf(item),
      request: readRequest(merged(defaults, mapField(map, 'request', report)), nowMs, report),
      expect: readExpectation(mapField(map, 'expect', report), report),
    });
  }
  return {
    path,
    policies: stringsField(root, 'policies', report)?.map((text) => text.value) ?? null,
    config: config === null ? null : { value: plainValue(config) as JsonObject, position: positionOf(config) },
    tests,
  };
}

function checkName(name: string, item: Node, names: Map<string, number>, report: Report): void {
  const first = names.get(name);
  const { line } = positionOf(item);
  if (first === undefined) names.set(name, line);
  else {
    report.error(
      'duplicate-test-name',
      positionOf(item),
      `the test name \`${name}\` is taken by the test on line ${first}`,
    );
  }
}

/** The request's fields before those of the defaults; headers by name. A null stands, and so takes a default away. */
function merged(defaults: MapNode | null, request: MapNode | null): MapNode | null {
  if (defaults === null || request === null) return request ?? defaults;
  const entries = [...request.entries];
  for (const entry of defaults.entries) {
    const own = entryOf(request, entry.key);
    if (own === undefined) entries.push(entry);
    else if (entry.key === 'headers' && own.value.kind === 'map' && entry.value.kind === 'map') {
      const names = new Set(own.value.entries.map(({ key }) => key.toLowerCase()));
      const inherited = entry.value.entries.filter(({ key }) => !names.has(key.toLowerCase()));
      const value = { ...own.value, entries: [...own.value.entries, ...inherited] };
      entries[request.entries.indexOf(own)] = { ...own, value };
    }
  }
  return { ...request, entries };
}

function readRequest(map: MapNode | null, nowMs: number | null, report: Report): TestRequest {
  const text = (key: string): string | null => (map === null ? null : (stringField(map, key, report)?.value ?? null));
  const destination = map === null ? null : mapField(map, 'destination', report);
  const claims = map === null ? null : mapField(map, 'claims', report);
  return {
    principal: spiffeUri(text('principal')),
    sans: map === null ? null : (stringsField(map, 'sans', report)?.map(({ value }) => value) ?? null),
    method: text('method'),
    scheme: text('scheme'),
    protocol: text('protocol'),
    host: text('host'),
    path: text('path'),
    headers: readHeaders(map, report),
    size: integer(map, 'size'),
    claims: claims === null ? null : (plainValue(claims) as JsonObject),
    sourceIp: readAddress(map, 'sourceIp', report),
    destination: {
      address: readAddress(destination, 'address', report),
      port: integer(destination, 'port'),
      principal: destination === null ? null : spiffeUri(stringField(destination, 'principal', report)?.value ?? null),
      labels:
        destination === null || fieldOf(destination, 'labels') === undefined
          ? null
          : texts(destination, 'labels', report),
    },
    workload: readWorkload(map, report),
    sni: text('sni'),
    timeMs: (map === null ? null : readTime(map, 'time', report)) ?? nowMs,
  };
}

function spiffeUri(text: string | null): string | null {
  return text === null || text.includes('://') ? text : `spiffe://${text}`;
}

function readHeaders(map: MapNode | null, report: Report): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>();
  const node = map === null ? null : mapField(map, 'headers', report);
  for (const { key, value } of node?.entries ?? []) {
    const nodes = value.kind === 'list' ? value.items : [value];
    const name = key.toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), ...nodes.flatMap(stringOf)]);
  }
  return headers;
}

/** The schema has told what is no string. */
function stringOf(node: Node): string[] {
  return node.kind === 'scalar' && typeof node.value === 'string' ? [node.value] : [];
}

function readAddress(map: MapNode | null, key: string, report: Report): string | null {
  const text = map === null ? null : stringField(map, key, report);
  if (text === null) return null;
  if (parseIp(text.value) === null) {
    report.error('bad-address', positionOf(text), `\`${text.value}\` is not an IP address`);
  }
  return text.value;
}

function readWorkload(map: MapNode | null, report: Report): TestRequest['workload'] {
  const workload = map === null ? null : mapField(map, 'workload', report);
  if (workload === null) return null;
  return {
    namespace: stringField(workload, 'namespace', report)?.value ?? null,
    serviceAccount: stringField(workload, 'serviceAccount', report)?.value ?? null,
    labels: texts(workload, 'labels', report),
  };
}

function readTime(map: MapNode, key: string, report: Report): number | null {
  const text = stringField(map, key, report);
  if (text === null) return null;
  const moment = parseTimestamp(text.value);
  if (moment === null) {
    const hint = 'write it as RFC 3339 has it, with a time zone, e.g. `2027-01-01T00:00:00Z`';
    report.error('bad-timestamp', positionOf(text), `\`${text.value}\` is not a valid point in time`, hint);
  }
  return moment;
}

function readExpectation(map: MapNode | null, report: Report): TestExpectation {
  const policy = map === null ? undefined : entryOf(map, 'policy')?.value;
  const rule = map === null ? undefined : entryOf(map, 'rule')?.value;
  const text = (key: string): string | undefined => (map === null ? undefined : stringField(map, key, report)?.value);
  return {
    decision: text('decision') === 'allow' ? 'allow' : 'deny',
    status: integer(map, 'status') ?? undefined,
    reason: text('reason'),
    policy: policy?.kind === 'scalar' && policy.value === null ? null : text('policy'),
    rule: rule?.kind === 'scalar' && typeof rule.value !== 'boolean' ? rule.value : undefined,
    headers: readChanges(map, 'headers', true, report),
    query: readChanges(map, 'query', false, report),
    responseHeaders: new Map(
      [...texts(map, 'responseHeaders', report)].map(([name, value]) => [name.toLowerCase(), value]),
    ),
    body: text('body'),
  };
}

function readChanges(map: MapNode | null, key: string, areHeaders: boolean, report: Report): TestChanges {
  const changes = map === null ? null : mapField(map, key, report);
  const nameOf = (name: string): string => (areHeaders ? name.toLowerCase() : name);
  const removed = changes === null ? null : stringsField(changes, 'remove', report);
  return {
    set: new Map([...texts(changes, 'set', report)].map(([name, value]) => [nameOf(name), value])),
    remove: (removed ?? []).map((text) => nameOf(text.value)),
  };
}

function integer(map: MapNode | null, key: string): number | null {
  const value = map === null ? undefined : fieldOf(map, key);
  return value?.kind === 'scalar' && typeof value.value === 'number' ? value.value : null;
}

function texts(map: MapNode | null, key: string, report: Report): Map<string, string> {
  const values = map === null ? [] : [...textMapField(map, key, report)];
  return new Map(values.map(([name, text]) => [name, text.value]));
}
