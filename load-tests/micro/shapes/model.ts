/** Policies as data, made without YAML, in as few words as a generator can have. */
import type {
  Action,
  AttributeKey,
  Condition,
  Operation,
  OperationField,
  Policy,
  PolicyKind,
  Rule,
  Source,
  SourceField,
  ValueList,
} from '../../../src/policy/model.ts';

export const POSITION = Object.freeze({ file: 'generated.yaml', line: 1, column: 1 });

const list = (values: readonly string[]): ValueList => ({ values, position: POSITION });

type Lists<Field extends string> = Readonly<Partial<Record<Field, readonly string[]>>>;

function lists<Field extends string>(fields: Lists<Field>): Partial<Record<Field, ValueList>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, values]) => [name, list(values as readonly string[])]),
  ) as Partial<Record<Field, ValueList>>;
}

export function source(is: Lists<SourceField>, not: Lists<SourceField> = {}): Source {
  return { is: lists(is), not: lists(not), position: POSITION };
}

export function operation(is: Lists<OperationField>, not: Lists<OperationField> = {}): Operation {
  return { is: lists(is), not: lists(not), position: POSITION };
}

export function header(name: string): AttributeKey {
  return { kind: 'request.headers', name, text: `request.headers[${name}]` };
}

export function claim(...path: readonly string[]): AttributeKey {
  return { kind: 'request.auth.claims', path, text: `request.auth.claims${path.map((step) => `[${step}]`).join('')}` };
}

export function when(
  key: AttributeKey,
  values: readonly string[] | null,
  notValues: readonly string[] | null = null,
): Condition {
  return {
    key,
    values: values === null ? null : list(values),
    notValues: notValues === null ? null : list(notValues),
    position: POSITION,
  };
}

/** A rule without its place; {@link policy} numbers them. */
export interface RuleParts {
  readonly from?: readonly Source[];
  readonly to?: readonly Operation[];
  readonly when?: readonly Condition[];
  /** CEL. */
  readonly condition?: string;
}

export interface PolicyParts {
  readonly kind: PolicyKind;
  readonly action: Action;
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export function policy(parts: PolicyParts, rules: readonly RuleParts[]): Policy {
  const { kind, action, namespace, name, labels = {} } = parts;
  return {
    kind,
    namespace,
    name,
    action,
    mode: 'enforce',
    matchLabels: new Map(Object.entries(labels)),
    serviceAccounts: null,
    targetGateways: null,
    rules: rules.map((rule, index): Rule => ({
      index,
      name: null,
      from: rule.from ?? null,
      to: rule.to ?? null,
      when: rule.when ?? [],
      condition: rule.condition === undefined ? null : { text: rule.condition, position: POSITION },
      valid: null,
      respond: null,
      position: POSITION,
    })),
    position: POSITION,
  };
}
