/**
 * The policy model as plain values and back. Places in files are left out: what is
 * said counts, not where.
 */
import type {
  AttributeKey,
  AuditMode,
  Condition,
  DecisionField,
  OperationField,
  Policy,
  PrincipalGroup,
  Respond,
  Rule,
  SourceField,
  Template,
  TemplatePart,
  ValueList,
  WorkloadEntry,
} from '../../policy/model.ts';
import type { Position } from '../../lib/diagnostic.ts';
import type { Value } from './values.ts';

type List = readonly Value[];

/** Of what is never told of. */
export const NOWHERE: Position = { file: '', line: 1, column: 1 };

/** Without its rules. */
export function policyValue(policy: Policy): Value {
  return [
    policy.kind === 'AccessPolicy',
    policy.namespace,
    policy.name,
    policy.action === 'ALLOW',
    policy.mode,
    mapValue(policy.matchLabels, (text) => text),
    policy.serviceAccounts === null ? null : policy.serviceAccounts.map(({ namespace, name }) => [namespace, name]),
    policy.targetGateways,
    policy.audit ?? null,
  ];
}

export function policyOf(value: Value, position: Position): Policy {
  const [access, namespace, name, allow, mode, labels, accounts, gateways, audit] = value as List;
  return {
    kind: access === true ? 'AccessPolicy' : 'AuthorizationPolicy',
    namespace: namespace as string,
    name: name as string,
    action: allow === true ? 'ALLOW' : 'DENY',
    mode: mode as Policy['mode'],
    audit: (audit as AuditMode | null) ?? undefined,
    matchLabels: mapOf(labels!, (text) => text as string),
    serviceAccounts:
      accounts === null
        ? null
        : (accounts as readonly (readonly string[])[]).map(([ns, account]) => ({ namespace: ns!, name: account! })),
    targetGateways: gateways as readonly string[] | null,
    rules: [],
    position,
  };
}

export function ruleValue(rule: Rule): Value {
  return [
    rule.index,
    rule.name,
    rule.from?.map((source) => fieldsValue(SOURCE_FIELDS, source)) ?? null,
    rule.to?.map((operation) => fieldsValue(OPERATION_FIELDS, operation)) ?? null,
    rule.when.map(({ key, values, notValues }) => [keyValue(key), values?.values ?? null, notValues?.values ?? null]),
    rule.condition?.text ?? null,
    rule.valid === null ? null : [rule.valid.fromMs, rule.valid.untilMs],
    rule.respond === null ? null : respondValue(rule.respond),
  ];
}

export function ruleOf(value: Value, position: Position): Rule {
  const [index, name, from, to, when, condition, valid, respond] = value as List;
  const window = valid as readonly (number | null)[] | null;
  return {
    index: index as number,
    name: name as string | null,
    from: from === null ? null : (from as List).map((source) => fieldsOf(SOURCE_FIELDS, source, position)),
    to: to === null ? null : (to as List).map((one) => fieldsOf(OPERATION_FIELDS, one, position)),
    when: (when as List).map((one) => conditionOf(one, position)),
    condition: condition === null ? null : { text: condition as string, position },
    valid: window === null ? null : { fromMs: window[0]!, untilMs: window[1]! },
    respond: respond === null ? null : respondOf(respond!, position),
    position,
  };
}

const SOURCE_FIELDS: readonly SourceField[] = [
  'principals',
  'requestPrincipals',
  'namespaces',
  'serviceAccounts',
  'trustDomains',
  'ipBlocks',
  'remoteIpBlocks',
  'groups',
];
const OPERATION_FIELDS: readonly OperationField[] = ['hosts', 'ports', 'methods', 'paths'];

type Fields = Readonly<Partial<Record<string, ValueList>>>;

/** The number of each field (twice it, and one more for a `not…` field) before its values. */
function fieldsValue(names: readonly string[], { is, not }: { readonly is: Fields; readonly not: Fields }): Value {
  return names.flatMap((name, i): Value[] => {
    const out: Value[] = [];
    if (is[name] !== undefined) out.push(2 * i, is[name].values);
    if (not[name] !== undefined) out.push(2 * i + 1, not[name].values);
    return out;
  });
}

function fieldsOf(
  names: readonly string[],
  value: Value,
  position: Position,
): { readonly is: Fields; readonly not: Fields; readonly position: Position } {
  const list = value as List;
  const is: Record<string, ValueList> = {};
  const not: Record<string, ValueList> = {};
  for (let i = 0; i < list.length; i += 2) {
    const number = list[i] as number;
    (number % 2 === 0 ? is : not)[names[number >> 1]!] = { values: list[i + 1] as readonly string[], position };
  }
  return { is, not, position };
}

function conditionOf(value: Value, position: Position): Condition {
  const [key, values, notValues] = value as List;
  const list = (texts: Value | undefined): ValueList | null =>
    texts === null ? null : { values: texts as readonly string[], position };
  return { key: keyOf(key!), values: list(values), notValues: list(notValues), position };
}

function keyValue(key: AttributeKey): Value {
  switch (key.kind) {
    case 'request.headers':
      return [key.text, key.kind, key.name];
    case 'request.auth.claims':
      return [key.text, key.kind, key.path];
    case 'metadata':
      return [key.text, key.kind, key.path, key.filter];
    default:
      return [key.text, key.kind];
  }
}

function keyOf(value: Value): AttributeKey {
  const [text, kind, detail, filter] = value as readonly [string, AttributeKey['kind'], Value, Value];
  switch (kind) {
    case 'request.headers':
      return { text, kind, name: detail as string };
    case 'request.auth.claims':
      return { text, kind, path: detail as readonly string[] };
    case 'metadata':
      return { text, kind, path: detail as readonly string[], filter: filter as string };
    default:
      return { text, kind };
  }
}

function respondValue({ request, response, deny }: Respond): Value {
  return [
    mapValue(request.set, templateValue),
    request.remove,
    mapValue(request.query.set, templateValue),
    request.query.remove,
    mapValue(response.set, templateValue),
    deny === null
      ? null
      : [deny.status, deny.body === null ? null : templateValue(deny.body), mapValue(deny.headers, templateValue)],
  ];
}

function respondOf(value: Value, position: Position): Respond {
  const [set, remove, querySet, queryRemove, response, deny] = value as List;
  const templates = (map: Value | undefined): ReadonlyMap<string, Template> =>
    mapOf(map!, (one) => templateOf(one, position));
  const denial = deny as readonly [number | null, Value, Value] | null;
  return {
    request: {
      set: templates(set),
      remove: remove as readonly string[],
      query: { set: templates(querySet), remove: queryRemove as readonly string[] },
    },
    response: { set: templates(response) },
    deny:
      denial === null
        ? null
        : {
            status: denial[0],
            body: denial[1] === null ? null : templateOf(denial[1], position),
            headers: templates(denial[2]),
          },
  };
}

function templateValue(template: Template): Value {
  return template.parts.map((part) =>
    part.kind === 'literal' ? part.text : part.kind === 'attribute' ? [keyValue(part.key)] : [null, part.field],
  );
}

function templateOf(value: Value, position: Position): Template {
  const parts = (value as List).map((part): TemplatePart => {
    if (typeof part === 'string') return { kind: 'literal', text: part };
    const [key, field] = part as List;
    return key === null ? { kind: 'decision', field: field as DecisionField } : { kind: 'attribute', key: keyOf(key!) };
  });
  return { parts, position };
}

export function groupValue(group: PrincipalGroup): Value {
  return [
    group.namespace,
    group.name,
    group.spiffeIds,
    group.subjects.map(({ issuer, subjects }) => [issuer, subjects]),
    group.claims.map(({ issuer, path, values }) => [issuer, path, values]),
    group.groups,
  ];
}

export function groupOf(value: Value): PrincipalGroup {
  const [namespace, name, spiffeIds, subjects, claims, groups] = value as List;
  return {
    namespace: namespace as string,
    name: name as string,
    spiffeIds: spiffeIds as readonly string[],
    subjects: (subjects as readonly List[]).map(([issuer, names]) => ({
      issuer: issuer as string,
      subjects: names as readonly string[],
    })),
    claims: (claims as readonly List[]).map(([issuer, path, values]) => ({
      issuer: issuer as string,
      path: path as readonly string[],
      values: values as readonly string[],
    })),
    groups: groups as readonly string[],
    position: NOWHERE,
  };
}

/** All but the name and the place: equal for entries that say the same. */
export function workloadValue(entry: WorkloadEntry): Value {
  return [entry.namespace, entry.serviceAccount, mapValue(entry.labels, (text) => text)];
}

export type FlatWorkload = Pick<WorkloadEntry, 'namespace' | 'serviceAccount' | 'labels'>;

export function workloadOf(value: Value): FlatWorkload {
  const [namespace, serviceAccount, labels] = value as List;
  return {
    namespace: namespace as string,
    serviceAccount: serviceAccount as string | null,
    labels: mapOf(labels!, (text) => text as string),
  };
}

function mapValue<T>(map: ReadonlyMap<string, T>, valueOf: (item: T) => Value): Value {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, item]) => [name, valueOf(item)]);
}

function mapOf<T>(value: Value, itemOf: (value: Value) => T): ReadonlyMap<string, T> {
  const list = value as List;
  const map = new Map<string, T>();
  for (let i = 0; i < list.length; i += 2) map.set(list[i] as string, itemOf(list[i + 1]!));
  return map;
}
