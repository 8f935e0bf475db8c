import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { valuesOf } from './support/headers.ts';
import { sendHttp1 } from './support/http1-client.ts';
import {
  accessPolicy,
  authorizationPolicy,
  documents,
  workloadRoutes,
  type PolicyOptions,
} from './support/policies.ts';
import type { Json } from './support/recommended-config.ts';
import { seenIn } from './support/upstream.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/**
 * How policies that apply to one workload make one decision. Each case is a workload of its own, so
 * that its policies are all that apply; the whole table runs with both default actions.
 */
interface Case {
  readonly app: string;
  readonly policies: readonly string[];
  readonly requests: readonly {
    readonly method?: string;
    /** Below `/APP/`. */
    readonly path?: string;
    /** What is decided: a rule's name, a reason when no rule decided, or the default action. */
    readonly decided: 'default' | { readonly allow: string } | { readonly deny: string } | 'no_rule_matched';
  }[];
}

const everything = { paths: ['*'] };

function allow(app: string, rule: Json, more: Partial<PolicyOptions> = {}): string {
  return accessPolicy({ name: `${app}-allow`, app, rules: [{ name: 'allow', ...rule }], ...more });
}

function deny(app: string, rule: Json, more: Partial<PolicyOptions> = {}): string {
  return accessPolicy({ name: `${app}-deny`, app, action: 'DENY', rules: [{ name: 'deny', ...rule }], ...more });
}

const to = (operation: Json): Json => ({ to: [{ operation }] });

const PAST = { until: '2020-01-01T00:00:00Z' };
const FUTURE = { from: '2099-01-01T00:00:00Z' };
const NOW = { from: '2020-01-01T00:00:00Z', until: '2099-01-01T00:00:00Z' };

const dryRun: Partial<PolicyOptions> = { annotations: { 'istio.io/dry-run': 'true' } };

const cases: readonly Case[] = [
  { app: 'nothing-applies', policies: [], requests: [{ decided: 'default' }] },
  {
    app: 'deny-overrides-allow',
    policies: [allow('deny-overrides-allow', to(everything)), deny('deny-overrides-allow', to({ methods: ['POST'] }))],
    requests: [
      { method: 'GET', decided: { allow: 'allow' } },
      { method: 'POST', decided: { deny: 'deny' } },
    ],
  },
  {
    app: 'allow-needs-a-match',
    policies: [allow('allow-needs-a-match', to({ paths: ['/allow-needs-a-match/yes'] }))],
    requests: [
      { path: 'yes', decided: { allow: 'allow' } },
      { path: 'no', decided: 'no_rule_matched' },
    ],
  },
  {
    app: 'deny-alone-leaves-the-default',
    policies: [deny('deny-alone-leaves-the-default', to({ methods: ['POST'] }))],
    requests: [
      { method: 'GET', decided: 'default' },
      { method: 'POST', decided: { deny: 'deny' } },
    ],
  },
  {
    app: 'allow-in-its-window',
    policies: [allow('allow-in-its-window', { valid: NOW })],
    requests: [{ decided: { allow: 'allow' } }],
  },
  {
    app: 'allow-past-its-window-still-applies',
    policies: [allow('allow-past-its-window-still-applies', { valid: PAST })],
    requests: [{ decided: 'no_rule_matched' }],
  },
  {
    app: 'allow-before-its-window-still-applies',
    policies: [allow('allow-before-its-window-still-applies', { valid: FUTURE })],
    requests: [{ decided: 'no_rule_matched' }],
  },
  {
    app: 'deny-in-its-window',
    policies: [allow('deny-in-its-window', {}), deny('deny-in-its-window', { valid: NOW })],
    requests: [{ decided: { deny: 'deny' } }],
  },
  {
    app: 'deny-past-its-window',
    policies: [allow('deny-past-its-window', {}), deny('deny-past-its-window', { valid: PAST })],
    requests: [{ decided: { allow: 'allow' } }],
  },
  {
    app: 'shadow-allow-still-applies',
    policies: [allow('shadow-allow-still-applies', {}, { spec: { mode: 'Shadow' } })],
    requests: [{ decided: 'no_rule_matched' }],
  },
  {
    app: 'shadow-deny-decides-nothing',
    policies: [
      allow('shadow-deny-decides-nothing', {}),
      deny('shadow-deny-decides-nothing', {}, { spec: { mode: 'Shadow' } }),
    ],
    requests: [{ decided: { allow: 'allow' } }],
  },
  {
    app: 'dry-run-allow-is-not-there',
    policies: [
      authorizationPolicy({ name: 'dry-run-allow', app: 'dry-run-allow-is-not-there', rules: [{}], ...dryRun }),
    ],
    requests: [{ decided: 'default' }],
  },
  {
    app: 'dry-run-deny-is-not-there',
    policies: [
      allow('dry-run-deny-is-not-there', {}),
      authorizationPolicy({
        name: 'dry-run-deny',
        app: 'dry-run-deny-is-not-there',
        action: 'DENY',
        rules: [{}],
        ...dryRun,
      }),
    ],
    requests: [{ decided: { allow: 'allow' } }],
  },
  {
    app: 'condition-holds-or-not',
    policies: [allow('condition-holds-or-not', { condition: 'request.path.endsWith("/open")' })],
    requests: [
      { path: 'open', decided: { allow: 'allow' } },
      { path: 'shut', decided: 'no_rule_matched' },
    ],
  },
  {
    app: 'condition-that-fails-in-allow-is-no-match',
    policies: [allow('condition-that-fails-in-allow-is-no-match', { condition: 'int(request.path) == 1' })],
    requests: [{ decided: 'no_rule_matched' }],
  },
  {
    app: 'condition-that-fails-in-deny-is-a-match',
    policies: [
      allow('condition-that-fails-in-deny-is-a-match', {}),
      deny('condition-that-fails-in-deny-is-a-match', { condition: 'int(request.path) == 1' }),
    ],
    requests: [{ decided: { deny: 'deny' } }],
  },
  {
    app: 'policies-of-the-root-namespace-apply',
    policies: [
      allow('policies-of-the-root-namespace-apply', {}),
      deny('policies-of-the-root-namespace-apply', {}, { namespace: 'istio-system' }),
    ],
    requests: [{ decided: { deny: 'deny' } }],
  },
  {
    app: 'policies-of-other-namespaces-do-not',
    policies: [
      allow('policies-of-other-namespaces-do-not', {}),
      deny('policies-of-other-namespaces-do-not', {}, { namespace: 'elsewhere' }),
    ],
    requests: [{ decided: { allow: 'allow' } }],
  },
  {
    app: 'istio-allow-with-no-rules-denies',
    policies: [authorizationPolicy({ name: 'no-rules', app: 'istio-allow-with-no-rules-denies', rules: [] })],
    requests: [{ decided: 'no_rule_matched' }],
  },
];

/** Two of a kind, and one of each kind, all matching: which one responds shows in what the upstream sees. */
function answering(name: string, more: Partial<PolicyOptions> = {}): string {
  const rules = ['first', 'second'].map((rule) => ({
    name: rule,
    respond: { request: { set: { 'x-answered': `\${decision.policy} \${decision.rule}` } } },
  }));
  return accessPolicy({ name, app: 'order', rules, ...more });
}

const order = [
  authorizationPolicy({ name: 'a-istio-policy', app: 'order', rules: [{}] }),
  answering('zebra', { namespace: 'istio-system' }),
  answering('b-policy'),
  answering('c-policy'),
];

let world: World<'deny' | 'allow'>;

beforeAll(async () => {
  const policies = { 'policies.yaml': documents(...cases.flatMap((each) => each.policies), ...order) };
  const routes = workloadRoutes('shop', [...cases.map((each) => each.app), 'order']);
  world = await startWorld({
    services: {
      deny: { policies, config: { defaultAction: 'DENY' } },
      allow: { policies, config: { defaultAction: 'ALLOW' } },
    },
    listeners: [
      { name: 'deny', service: 'deny', routes },
      { name: 'allow', service: 'allow', routes },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

describe.each(['deny', 'allow'] as const)('with default action %s', (defaultAction) => {
  it.each(cases)('$app', async ({ app, requests }) => {
    for (const [index, { method, path, decided }] of requests.entries()) {
      // The second answer may be a kept one.
      for (const time of ['first', 'second']) {
        const name = `${defaultAction}-${app}-${String(index)}-${time}`;
        const response = await sendHttp1(world.envoy.target(defaultAction), {
          method: method ?? 'GET',
          path: `/${app}/${path ?? ''}`,
          headers: [['x-case', name]],
        });
        const { metadata } = await world.envoy.accessLogOf(name);
        expect({ status: response.status, ...metadata }).toMatchObject(expected(decided, defaultAction));
      }
    }
  });
});

function expected(decided: Case['requests'][number]['decided'], defaultAction: 'deny' | 'allow'): Json {
  if (decided === 'default') {
    return defaultAction === 'allow'
      ? { status: 200, decision: 'allow', reason: 'default_allow' }
      : { status: 403, decision: 'deny', reason: 'default_deny' };
  }
  if (decided === 'no_rule_matched') {
    return { status: 403, decision: 'deny', reason: 'no_rule_matched' };
  }
  return 'allow' in decided
    ? { status: 200, decision: 'allow', reason: 'allow_rule', rule: decided.allow }
    : { status: 403, decision: 'deny', reason: 'deny_rule', rule: decided.deny };
}

it('responds with the first match only: our kind first, then by namespace, name and rule', async () => {
  const response = await sendHttp1(world.envoy.target('deny'), { path: '/order/' });
  expect(valuesOf(seenIn(response).headers, 'x-answered')).toEqual(['istio-system/zebra first']);
});
