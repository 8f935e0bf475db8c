/**
 * Rules of one workload, made once and written twice: for Envoy's own RBAC filter, in the form that Istio gives it, and as
 * policies of Portcullis. Each lets one caller use some methods of one path, or of all paths below one.
 */
import type { Json } from '../../test/e2e/support/recommended-config.ts';
import type { Random } from '../lib/random.ts';
import type { HttpRequest } from './http-client.ts';
import { CALLED, CALLER } from './proxy.ts';

export interface Rule {
  readonly name: string;
  /** SPIFFE ID. */
  readonly caller: string;
  readonly methods: readonly string[];
  readonly kind: 'exact' | 'prefix';
  /** A prefix ends in `/`. */
  readonly path: string;
}

/** Not HEAD, whose answers tell of a length that they have not. */
const METHODS = [['GET'], ['GET', 'PATCH'], ['GET', 'POST'], ['GET', 'PUT', 'DELETE']];
/** Every fourth rule is about the one who asks; the others are for callers of their own. */
const OWN_RULE = 4;
const RULES_PER_POLICY = 100;

/** `count` is a multiple of four, so that the last rule is about the one who asks. */
export function makeRules(count: number): Rule[] {
  return Array.from({ length: count }, (_, i) => {
    const own = i % OWN_RULE === OWN_RULE - 1;
    const kind = own || i % 3 === 0 ? 'prefix' : 'exact';
    const path = `/api/v1/kind-${String(i).padStart(5, '0')}`;
    return {
      name: `r${String(i).padStart(5, '0')}`,
      caller: own ? CALLER : `spiffe://cluster.local/ns/team-${i % 16}/sa/caller-${i}`,
      methods: METHODS[i % METHODS.length]!,
      kind,
      path: kind === 'prefix' ? `${path}/` : path,
    };
  });
}

/** Requests of which only the last rule allows each, all of them different. */
export function lastRuleRequests(rules: readonly Rule[]): HttpRequest[] {
  return [{ method: 'GET', path: `${rules.at(-1)!.path}item-{n}` }];
}

const MIX = 997;

/** Requests about any rule: three of four are about another caller's, and denied. */
export function mixedRequests(rules: readonly Rule[], random: Random): HttpRequest[] {
  return Array.from({ length: MIX }, () => {
    const { methods, path, kind } = random.pick(rules);
    return { method: random.pick(methods), path: kind === 'prefix' ? `${path}item-{n}` : path };
  });
}

/** What the rules say, by looking at all of them. */
export function isAllowed(rules: readonly Rule[], { method, path }: HttpRequest): boolean {
  return rules.some(
    (rule) =>
      rule.caller === CALLER &&
      rule.methods.includes(method) &&
      (rule.kind === 'exact' ? path === rule.path : path.startsWith(rule.path)),
  );
}

/** Envoy's filter; of each rule, methods and path and caller, as Istio writes an AuthorizationPolicy's. */
export function rbacFilter(rules: readonly Rule[]): Json {
  return {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
      rules: {
        action: 'ALLOW',
        policies: Object.fromEntries(
          rules.map(({ name, caller, methods, kind, path }) => [
            `ns[${CALLED.namespace}]-policy[orders]-rule[${name}]`,
            {
              permissions: [
                {
                  and_rules: {
                    rules: [
                      { or_rules: { rules: methods.map((exact) => methodIs(exact)) } },
                      { or_rules: { rules: [{ url_path: { path: { [kind]: path } } }] } },
                    ],
                  },
                },
              ],
              principals: [
                { and_ids: { ids: [{ or_ids: { ids: [{ authenticated: { principal_name: { exact: caller } } }] } }] } },
              ],
            },
          ]),
        ),
      },
    },
  };
}

function methodIs(exact: string): Json {
  return { header: { name: ':method', string_match: { exact } } };
}

/** A file of AuthorizationPolicies, YAML (each document is JSON, which is YAML). */
export function policiesOf(rules: readonly Rule[]): string {
  const documents: string[] = [];
  for (let first = 0; first < rules.length; first += RULES_PER_POLICY)
    documents.push(
      JSON.stringify({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: `orders-${String(first).padStart(5, '0')}`, namespace: CALLED.namespace },
        spec: {
          selector: { matchLabels: { app: CALLED.account } },
          action: 'ALLOW',
          rules: rules.slice(first, first + RULES_PER_POLICY).map(({ caller, methods, kind, path }) => ({
            from: [{ source: { principals: [caller.replace('spiffe://', '')] } }],
            to: [{ operation: { methods, paths: [kind === 'prefix' ? `${path}*` : path] } }],
          })),
        },
      }),
    );
  return documents.join('\n---\n');
}
