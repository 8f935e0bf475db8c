/** Policies in a line each. */
export interface PolicyText {
  readonly kind?: 'AccessPolicy' | 'AuthorizationPolicy';
  readonly name?: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

const VERSIONS = { AccessPolicy: 'portcullis.dev/v1', AuthorizationPolicy: 'security.istio.io/v1' } as const;

/** A list of policies; further documents as they are. JSON is YAML. */
export function policiesYaml(policies: readonly PolicyText[], others: readonly unknown[] = []): string {
  const items = policies.map(({ kind = 'AccessPolicy', name, namespace = 'shop', annotations = {}, spec }, i) => ({
    apiVersion: VERSIONS[kind],
    kind,
    metadata: { name: name ?? `p${i}`, namespace, annotations },
    spec,
  }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...items, ...others] });
}

/** One AccessPolicy of namespace shop with these rules. */
export function access(action: 'ALLOW' | 'DENY', ...rules: readonly Readonly<Record<string, unknown>>[]): PolicyText {
  return { kind: 'AccessPolicy', spec: { action, rules } };
}

/** One AuthorizationPolicy of namespace shop with these rules. */
export function istio(action: 'ALLOW' | 'DENY', ...rules: readonly Readonly<Record<string, unknown>>[]): PolicyText {
  return { kind: 'AuthorizationPolicy', spec: { action, rules } };
}

export const source = (
  ...sources: readonly Readonly<Record<string, unknown>>[]
): Readonly<Record<string, unknown>> => ({
  from: sources.map((each) => ({ source: each })),
});

export const operation = (
  ...operations: readonly Readonly<Record<string, unknown>>[]
): Readonly<Record<string, unknown>> => ({ to: operations.map((each) => ({ operation: each })) });

export const when = (
  key: string,
  values: readonly string[],
  notValues?: readonly string[],
): Readonly<Record<string, unknown>> => ({
  when: [{ key, ...(values.length > 0 ? { values } : {}), ...(notValues === undefined ? {} : { notValues }) }],
});

export function workloadEntry(
  name: string,
  address: string,
  labels: Readonly<Record<string, string>>,
  serviceAccount?: string,
  namespace = 'shop',
): unknown {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name, namespace },
    spec: { address, labels, ...(serviceAccount === undefined ? {} : { serviceAccount }) },
  };
}
