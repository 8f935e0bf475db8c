/** Who may call what, as rules say it: callers, workload, operations, and what else has to hold. */
import type { FlatSnapshot } from '../../policy-index/flat/flat-snapshot.ts';
import type { DecisionSettings } from '../../policy-index/settings.ts';
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';
import type { Predicate } from '../../policy/compile/predicate.ts';
import type { Task } from './messages.ts';
import { hitsOf } from './rule-page.ts';
import type { Hits } from './rule-page.ts';
import { selectorOf } from './selector.ts';
import type { Selector } from './selector.ts';
import { fieldText, writtenField } from './written.ts';
import type { WrittenField } from './written.ts';

/** Of any list in a grant. */
const MAX_ITEMS = 100;
/** Of a CEL condition. */
const MAX_CONDITION = 2000;
/** Policies without rules that are told of. */
const MAX_WITHOUT_RULES = 1000;

/** The fields that say who calls, those that say it best first. */
const CALLER_FIELDS = [
  ...['principals', 'serviceAccounts', 'namespaces', 'groups', 'requestPrincipals'],
  ...['trustDomains', 'ipBlocks', 'remoteIpBlocks'],
];

export function callersPage(
  flat: FlatSnapshot,
  task: Extract<Task, { readonly kind: 'callers' }>,
  hits: Hits,
  { rootNamespace, defaultAction }: DecisionSettings,
): object {
  const { page, countedSince, processes } = task;
  const workloads = new Map<string, Selector>();
  const grants: object[] = [];
  let ordinal = page.after;
  for (; ordinal < flat.ruleCount && grants.length < page.limit; ordinal++) {
    const policy = flat.policy(flat.policyOfRule(ordinal));
    if (page.namespace !== null && policy.namespace !== page.namespace) continue;
    const rule = flat.rule(ordinal);
    const workload = selectorOf(policy, rootNamespace);
    workloads.set(workload.id, workload);
    grants.push({
      ordinal,
      policy: policy.name,
      kind: policy.kind,
      rule: rule.name ?? rule.index,
      action: policy.action,
      mode: policy.mode,
      workload: workload.id,
      ...grantOf(rule),
      hits: hitsOf(rule, hits),
    });
  }
  return {
    revision: flat.revision,
    defaultAction,
    countedSince,
    processes,
    total: flat.ruleCount,
    workloads: [...workloads.values()],
    grants,
    withoutRules: page.after === 0 ? withoutRules(flat, page.namespace, rootNamespace) : [],
    next: ordinal < flat.ruleCount ? String(ordinal) : null,
  };
}

function grantOf(rule: CompiledRule): object {
  let truncated = false;
  const bounded = <Item>(items: readonly Item[]): readonly Item[] => {
    if (items.length <= MAX_ITEMS) return items;
    truncated = true;
    return items.slice(0, MAX_ITEMS);
  };
  const text = (field: WrittenField): string => {
    if (field.values.length > MAX_ITEMS) truncated = true;
    return fieldText(field, MAX_ITEMS);
  };
  const from = bounded(rule.from ?? [[]]).map((predicates) => {
    const fields = predicates.map(writtenField);
    const kind = CALLER_FIELDS.find((name) => fields.some((field) => field.name === name && !field.negated));
    const who = fields.find((field) => field.name === kind && !field.negated);
    return {
      callers:
        who === undefined
          ? [{ kind: 'anyone', value: '*' }]
          : bounded(who.values).map((value) => ({ kind: who.name, value })),
      limits: fields.filter((field) => field !== who).map(text),
    };
  });
  const to = bounded(rule.to ?? [[]]).map((predicates) => operationOf(predicates, bounded, text));
  const conditions = bounded([
    ...rule.when.map((predicate) => text(writtenField(predicate))),
    ...otherConditions(rule),
  ]);
  return { from, to, conditions, truncated };
}

function operationOf(
  predicates: readonly Predicate[],
  bounded: <Item>(items: readonly Item[]) => readonly Item[],
  text: (field: WrittenField) => string,
): object {
  const fields = predicates.map(writtenField);
  const valuesOf = (name: string): readonly string[] | null => {
    const field = fields.find((each) => each.name === name && !each.negated);
    return field === undefined ? null : bounded(field.values);
  };
  return {
    methods: valuesOf('methods'),
    hosts: valuesOf('hosts'),
    ports: valuesOf('ports'),
    paths: valuesOf('paths'),
    limits: fields.filter(({ negated }) => negated).map(text),
  };
}

function otherConditions({ cel, valid }: CompiledRule): string[] {
  const time = (ms: number | null): string => (ms === null ? '…' : new Date(ms).toISOString());
  return [
    ...(cel === null ? [] : [`condition: ${cut(cel.text)}`]),
    ...(valid === null ? [] : [`valid: ${time(valid.fromMs)} to ${time(valid.untilMs)}`]),
  ];
}

function cut(text: string): string {
  return text.length > MAX_CONDITION ? `${text.slice(0, MAX_CONDITION)}…` : text;
}

function withoutRules(flat: FlatSnapshot, namespace: string | null, rootNamespace: string): object[] {
  const found: object[] = [];
  for (let number = 0; number < flat.policyCount && found.length < MAX_WITHOUT_RULES; number++) {
    const [first, end] = flat.rulesOfPolicy(number);
    if (first !== end) continue;
    const policy = flat.policy(number);
    if (namespace !== null && policy.namespace !== namespace) continue;
    const { name, kind, action, mode } = policy;
    found.push({ policy: name, kind, action, mode, workload: selectorOf(policy, rootNamespace) });
  }
  return found;
}
