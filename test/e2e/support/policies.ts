import { stringify } from 'yaml';

import type { RouteOptions } from './envoy-config.ts';
import type { Json } from './recommended-config.ts';

export interface PolicyOptions {
  readonly name: string;
  /** Default `shop`. */
  readonly namespace?: string;
  /** Label `app` of the workloads that it is for; absent: every workload of the namespace. */
  readonly app?: string;
  /** Default ALLOW. */
  readonly action?: 'ALLOW' | 'DENY';
  readonly rules: readonly Json[];
  /** Further keys of `spec`. */
  readonly spec?: Json;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Our own kind. */
export function accessPolicy(options: PolicyOptions): string {
  return policy('portcullis.dev/v1', 'AccessPolicy', options);
}

/** Istio's. */
export function authorizationPolicy(options: PolicyOptions): string {
  return policy('security.istio.io/v1', 'AuthorizationPolicy', options);
}

/** YAML with every text in quotes: `yes` and `1` are texts here, and without quotes a mistake to Portcullis. */
export function yamlOf(value: Json): string {
  return stringify(value, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' });
}

/** Several documents as the text of one file. */
export function documents(...texts: readonly string[]): string {
  return texts.join('---\n');
}

/** A rule that matches everything, by name. */
export function anything(name: string): Json {
  return { name };
}

function policy(apiVersion: string, kind: string, options: PolicyOptions): string {
  return yamlOf({
    apiVersion,
    kind,
    metadata: {
      name: options.name,
      namespace: options.namespace ?? 'shop',
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    spec: {
      ...(options.app === undefined ? {} : { selector: { matchLabels: { app: options.app } } }),
      action: options.action ?? 'ALLOW',
      rules: options.rules,
      ...options.spec,
    },
  });
}

/** A route to each of these workloads under a path of its own: `/APP/…` is the workload with `app: APP`. */
export function workloadRoutes(namespace: string, apps: readonly string[]): RouteOptions[] {
  return apps.map((app) => ({
    prefix: `/${app}/`,
    contextExtensions: { namespace, 'label.app': app },
  }));
}
