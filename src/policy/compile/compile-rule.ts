/**
 * From a validated rule to predicates. Values become byte strings here, once.
 */
import { asciiLowerCase, toByteString } from '../../attributes/bytes.ts';
import { ipBlocks } from '../../matcher/ip-block.ts';
import { metadataMatcher } from '../../matcher/metadata.ts';
import { accessPathSet, istioPathSet } from '../../matcher/path.ts';
import { istioNamespace, istioPrincipal, istioServiceAccount, istioTrustDomain } from '../../matcher/peer.ts';
import type { PeerMatcher } from '../../matcher/peer.ts';
import { requestPrincipal } from '../../matcher/request-principal.ts';
import { stringMatcher } from '../../matcher/string.ts';
import type { StringMatcher } from '../../matcher/string.ts';
import { valueSet } from '../../matcher/value-set.ts';
import type { ValueSet } from '../../matcher/value-set.ts';
import type { Condition, Operation, OperationField, Rule, Source, SourceField, ValueList } from '../model.ts';
import type { CompiledGroup } from './group.ts';
import type { Dialect, Predicate, SpiffePart, Test } from './predicate.ts';
import type { TrustDomains } from './trust-domain.ts';

export interface RuleContext {
  /** Of the policy. */
  readonly namespace: string;
  readonly dialect: Dialect;
  readonly trustDomains: TrustDomains;
  /** `name`, or `namespace/name`. */
  readonly groupNamed: (name: string) => CompiledGroup;
}

export interface RulePredicates {
  readonly from: readonly (readonly Predicate[])[] | null;
  readonly to: readonly (readonly Predicate[])[] | null;
  readonly when: readonly Predicate[];
}

export function compilePredicates(rule: Rule, context: RuleContext): RulePredicates {
  return {
    from: rule.from?.map((source, i) => sourcePredicates(source, `from[${i}].source`, context)) ?? null,
    to: rule.to?.map((operation, i) => operationPredicates(operation, `to[${i}].operation`, context)) ?? null,
    when: rule.when.flatMap((condition, i) => conditionPredicates(condition, `when[${i}]`, context)),
  };
}

const SOURCE_FIELDS: readonly SourceField[] = [
  'principals',
  'namespaces',
  'serviceAccounts',
  'trustDomains',
  'groups',
  'requestPrincipals',
  'ipBlocks',
  'remoteIpBlocks',
];
const OPERATION_FIELDS: readonly OperationField[] = ['methods', 'hosts', 'paths', 'ports'];

function sourcePredicates(source: Source, at: string, context: RuleContext): Predicate[] {
  return fieldPredicates(source, SOURCE_FIELDS, at, context, (field, values) => sourceTest(field, values, context));
}

function operationPredicates(operation: Operation, at: string, context: RuleContext): Predicate[] {
  return fieldPredicates(operation, OPERATION_FIELDS, at, context, (field, values) =>
    operationTest(field, values, context.dialect),
  );
}

function fieldPredicates<Field extends string>(
  holder: {
    readonly is: Readonly<Partial<Record<Field, ValueList>>>;
    readonly not: Readonly<Partial<Record<Field, ValueList>>>;
  },
  fields: readonly Field[],
  at: string,
  context: RuleContext,
  testOf: (field: Field, values: readonly string[]) => Test,
): Predicate[] {
  const predicates: Predicate[] = [];
  for (const field of fields) {
    const is = holder.is[field];
    const not = holder.not[field];
    if (is) predicates.push(predicate(testOf(field, is.values), context.dialect, false, `${at}.${field}`, is.values));
    if (not) {
      const name = `not${field[0]!.toUpperCase()}${field.slice(1)}`;
      predicates.push(predicate(testOf(field, not.values), context.dialect, true, `${at}.${name}`, not.values));
    }
  }
  return predicates;
}

function conditionPredicates(condition: Condition, at: string, context: RuleContext): Predicate[] {
  const { values, notValues } = condition;
  const predicates: Predicate[] = [];
  const field = (name: string): string => `${at}[${condition.key.text}].${name}`;
  if (values !== null) {
    const test = conditionTest(condition, values.values, context);
    predicates.push(predicate(test, context.dialect, false, field('values'), values.values));
  }
  if (notValues !== null) {
    const test = conditionTest(condition, notValues.values, context);
    predicates.push(predicate(test, context.dialect, true, field('notValues'), notValues.values));
  }
  return predicates;
}

function predicate(
  test: Test,
  dialect: Dialect,
  negated: boolean,
  field: string,
  wanted: readonly string[],
): Predicate {
  return { test, dialect, negated, field, wanted };
}

function sourceTest(field: SourceField, values: readonly string[], context: RuleContext): Test {
  switch (field) {
    case 'requestPrincipals':
      return requestPrincipalTest(values);
    case 'ipBlocks':
      return { attribute: 'sourceIp', blocks: ipBlocks(values) };
    case 'remoteIpBlocks':
      return { attribute: 'remoteIp', blocks: ipBlocks(values) };
    case 'groups':
      return { attribute: 'groups', groups: values.map((name) => context.groupNamed(name)) };
    default:
      return context.dialect === 'istio' ? istioPeerTest(field, values, context) : spiffeTest(field, values, context);
  }
}

type PeerField = 'principals' | 'namespaces' | 'serviceAccounts' | 'trustDomains';

function istioPeerTest(field: PeerField, values: readonly string[], context: RuleContext): Test {
  return {
    attribute: 'peer',
    part: SPIFFE_PARTS[field],
    matchers: values.flatMap((value): PeerMatcher[] => {
      switch (field) {
        case 'principals':
          return context.trustDomains.expandPrincipal(value).map((v) => istioPrincipal(toByteString(v)));
        case 'namespaces':
          return [istioNamespace(toByteString(value))];
        case 'serviceAccounts':
          return [istioServiceAccount(toByteString(value), context.namespace)];
        case 'trustDomains':
          return context.trustDomains.expandTrustDomain(value).map((v) => istioTrustDomain(toByteString(v)));
      }
    }),
  };
}

const SPIFFE_PARTS: Readonly<Record<PeerField, SpiffePart>> = {
  principals: 'id',
  namespaces: 'namespace',
  serviceAccounts: 'serviceAccount',
  trustDomains: 'trustDomain',
};

function spiffeTest(field: PeerField, values: readonly string[], context: RuleContext): Test {
  return {
    attribute: 'spiffe',
    part: SPIFFE_PARTS[field],
    values: valueSet(
      values.flatMap((value): StringMatcher[] => {
        switch (field) {
          case 'principals':
            return context.trustDomains.expandPrincipal(value).map((v) => stringMatcher(toByteString(v), 'nonEmpty'));
          case 'trustDomains':
            return context.trustDomains.expandTrustDomain(value).map((v) => wildcard(toByteString(v)));
          case 'namespaces':
            return [wildcard(toByteString(value))];
          case 'serviceAccounts':
            return [{ kind: 'exact', text: value.includes('/') ? value : `${context.namespace}/${value}` }];
        }
      }),
    ),
  };
}

/** `*` anywhere stands for any characters: what Istio takes in namespaces and trust domains. */
function wildcard(value: string): StringMatcher {
  if (value === '*') return { kind: 'nonEmpty' };
  return value.includes('*') ? { kind: 'glob', parts: value.split('*') } : { kind: 'exact', text: value };
}

function requestPrincipalTest(values: readonly string[]): Test {
  return { attribute: 'requestPrincipal', matchers: values.map((value) => requestPrincipal(toByteString(value))) };
}

function operationTest(field: OperationField, values: readonly string[], dialect: Dialect): Test {
  const bytes = values.map(toByteString);
  switch (field) {
    case 'hosts':
      return { attribute: 'host', values: hostSet(bytes) };
    case 'methods':
      return { attribute: 'method', values: stringSet(bytes, 'present') };
    case 'paths':
      return { attribute: 'path', paths: dialect === 'istio' ? istioPathSet(bytes) : accessPathSet(bytes) };
    case 'ports':
      return { attribute: 'destinationPort', ports: portSet(values) };
  }
}

function hostSet(values: readonly string[]): ValueSet {
  return stringSet(values.map(asciiLowerCase), 'present');
}

function portSet(values: readonly string[]): ReadonlySet<number> {
  return new Set(values.map(Number));
}

function stringSet(values: readonly string[], whenStar: 'present' | 'nonEmpty'): ValueSet {
  return valueSet(values.map((value) => stringMatcher(value, whenStar)));
}

function conditionTest(condition: Condition, values: readonly string[], context: RuleContext): Test {
  const { key } = condition;
  const bytes = values.map(toByteString);
  switch (key.kind) {
    case 'request.headers':
      // Envoy turns `host` into `:authority` before any filter sees it.
      return {
        attribute: 'header',
        name: key.name === 'host' ? ':authority' : key.name,
        values: stringSet(bytes, 'present'),
      };
    case 'source.ip':
      return { attribute: 'sourceIp', blocks: ipBlocks(values) };
    case 'remote.ip':
      return { attribute: 'remoteIp', blocks: ipBlocks(values) };
    case 'destination.ip':
      return { attribute: 'destinationIp', blocks: ipBlocks(values) };
    case 'destination.port':
      return { attribute: 'destinationPort', ports: portSet(values) };
    case 'source.principal':
      return sourceTest('principals', values, context);
    case 'source.namespace':
      return sourceTest('namespaces', values, context);
    case 'source.serviceAccount':
      return sourceTest('serviceAccounts', values, context);
    case 'source.trustDomain':
      return sourceTest('trustDomains', values, context);
    case 'request.auth.principal':
      return requestPrincipalTest(values);
    case 'request.auth.audiences':
      return { attribute: 'claim', path: ['aud'], values: stringSet(bytes, 'nonEmpty') };
    case 'request.auth.presenter':
      return { attribute: 'claim', path: ['azp'], values: stringSet(bytes, 'nonEmpty') };
    case 'request.auth.claims':
      return { attribute: 'claim', path: key.path.map(toByteString), values: stringSet(bytes, 'nonEmpty') };
    case 'connection.sni':
      return { attribute: 'sni', values: stringSet(bytes, 'nonEmpty') };
    case 'metadata':
      return {
        attribute: 'metadata',
        filter: toByteString(key.filter),
        path: key.path.map(toByteString),
        matchers: bytes.map(metadataMatcher),
      };
  }
}
