/**
 * The environment variables that OpenTelemetry has for all programs, as far as they make sense here. What the configuration says
 * goes before them (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 */

export interface OtelEnvironment {
  /** Base address of a collector; null: not said. */
  readonly endpoint: string | null;
  /** To send with each request: they may be secret. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string | null;
  readonly resource: Readonly<Record<string, string>>;
  /** Variables that cannot be read and are ignored. */
  readonly ignored: readonly string[];
}

/** Attributes of the resource that deployments give in variables of their own. */
const OF_DEPLOYMENT: Readonly<Record<string, string>> = {
  POD_NAME: 'k8s.pod.name',
  POD_NAMESPACE: 'k8s.namespace.name',
  POD_UID: 'k8s.pod.uid',
  NODE_NAME: 'k8s.node.name',
};

export function otelEnvironment(env: Readonly<Record<string, string | undefined>>): OtelEnvironment {
  const ignored: string[] = [];
  const read = <Value>(name: string, parse: (text: string) => Value | null): Value | null => {
    // "The SDK MUST interpret an empty value of an environment variable the same way as when the variable is unset."
    const text = env[name];
    if (text === undefined || text.trim() === '') return null;
    const value = parse(text);
    if (value === null) ignored.push(name);
    return value;
  };
  const ofDeployment = Object.entries(OF_DEPLOYMENT).flatMap(([name, attribute]) => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [[attribute, value] as const];
  });
  return {
    endpoint: read('OTEL_EXPORTER_OTLP_ENDPOINT', (text) =>
      /^https?:$/.test(URL.parse(text)?.protocol ?? '') ? text : null,
    ),
    headers: read('OTEL_EXPORTER_OTLP_HEADERS', pairs) ?? {},
    serviceName: read('OTEL_SERVICE_NAME', (text) => text),
    resource: { ...Object.fromEntries(ofDeployment), ...read('OTEL_RESOURCE_ATTRIBUTES', pairs) },
    ignored,
  };
}

/** `key1=value1,key2=value2`, percent-encoded. "In case of any error … the entire environment variable value SHOULD be discarded". */
function pairs(text: string): Readonly<Record<string, string>> | null {
  const found: Record<string, string> = {};
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue;
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, at)).trim();
    if (name === '') return null;
    try {
      found[decodeURIComponent(name)] = decodeURIComponent(pair.slice(at + 1).trim());
    } catch {
      return null;
    }
  }
  return found;
}
