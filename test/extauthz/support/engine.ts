/** Policies in force, and questions to them, in as few words as a test can have. */
import type { DenialTexts } from '../../../src/extauthz/answer.ts';
import type { AskForProof } from '../../../src/extauthz/ask-for-proof.ts';
import { JUST_REFUSE } from '../../../src/extauthz/ask-for-proof.ts';
import { readCheckRequest } from '../../../src/extauthz/check-request.ts';
import { pose } from '../../../src/extauthz/evaluate.ts';
import type { HeaderLimits, Question } from '../../../src/extauthz/evaluate.ts';
import { CheckService } from '../../../src/extauthz/service.ts';
import type { Identity } from '../../../src/extauthz/service.ts';
import type { CheckRecord } from '../../../src/extauthz/check-record.ts';
import type { Overload } from '../../../src/extauthz/service.ts';
import { decide } from '../../../src/pdp/decide.ts';
import type { Decision } from '../../../src/pdp/decision.ts';
import { loadPolicySet } from '../../../src/policy/load.ts';
import type { PolicySet } from '../../../src/policy/model.ts';
import type { IndexMaker } from '../../../src/policy-index/scope.ts';
import type { DecisionSettings } from '../../../src/policy-index/settings.ts';
import { compileSnapshot } from '../../../src/policy-index/snapshot.ts';
import type { PolicySnapshot } from '../../../src/policy-index/snapshot.ts';
import { encodeCheckRequest, structOf } from './messages.ts';
import type { Json } from './messages.ts';

export const JWT_NAMESPACE = 'envoy.filters.http.jwt_authn';

export const SETTINGS: DecisionSettings = {
  defaultAction: 'DENY',
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  ambiguousPaths: 'deny',
  workloadSource: '',
  clientIp: { useRemoteAddress: false, xffTrustedHops: 0 },
  jwtMetadata: JWT_NAMESPACE,
  xfcc: { enabled: false, trustedPeers: [], depth: 0 },
  fingerprint: '',
};

const SILENT = { status: null, body: null, headers: new Map<string, string>() };
export const TEXTS: DenialTexts = { forbidden: SILENT, unauthenticated: SILENT, malformed: SILENT, overloaded: SILENT };
export const LIMITS = { maxHeaders: 1000, maxHeaderBytes: 256 * 1024, maxMessageBytes: 64 * 1024 * 1024 } as const;

/** Everything happens at this moment unless a test says otherwise. */
export const NOW_MS = Date.parse('2026-06-01T12:00:00Z');

/** Throws when the YAML does not load. */
export function policySet(text: string, settings: DecisionSettings = SETTINGS): PolicySet {
  const { rootNamespace, trustDomain, trustDomainAliases, jwtMetadata } = settings;
  const { set, diagnostics } = loadPolicySet([{ path: 'policies.yaml', text }], {
    rootNamespace,
    trustDomain,
    trustDomainAliases,
    jwtMetadata,
    allowEmpty: true,
    remoteIpConfigured: true,
  });
  if (set === null) throw new Error(diagnostics.map(({ code, message }) => `${code}: ${message}`).join('\n'));
  return set;
}

export function snapshotOf(
  policies: string | PolicySet,
  settings: Partial<DecisionSettings> = {},
  makeIndex: IndexMaker | null = null,
): PolicySnapshot {
  const all = { ...SETTINGS, ...settings };
  const set = typeof policies === 'string' ? policySet(policies, all) : policies;
  const { snapshot, diagnostics } = compileSnapshot(set, all, makeIndex);
  if (snapshot === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return snapshot;
}

/** A request of `shop/web` to `shop/orders` unless it says otherwise. Texts are UTF-8. */
export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Given, the headers come in their raw form. */
  readonly rawHeaders?: readonly (readonly [name: string, value: string | Buffer])[];
  /** SPIFFE ID, DNS name or subject; empty: none. */
  readonly principal?: string;
  readonly certificate?: string;
  readonly sourceIp?: string;
  readonly claims?: { readonly [key: string]: Json };
  readonly metadata?: Readonly<Record<string, { readonly [key: string]: Json }>>;
  readonly destinationIp?: string;
  readonly destinationPort?: number;
  readonly destinationPrincipal?: string;
  readonly destinationLabels?: Readonly<Record<string, string>>;
  readonly contextExtensions?: Readonly<Record<string, string>>;
  readonly sni?: string;
}

export function checkRequest(ask: Ask): Buffer {
  const { method = 'GET', path = '/', host = 'orders.shop', rawHeaders, headers = {} } = ask;
  const filterMetadata = Object.entries({
    ...(ask.claims === undefined ? {} : { [JWT_NAMESPACE]: { payload: ask.claims } }),
    ...ask.metadata,
  }).map(([filter, fields]) => [filter, structOf(fields)] as const);
  return encodeCheckRequest({
    source: {
      address: { socketAddress: { address: ask.sourceIp ?? '10.0.0.9', portValue: 4711 } },
      principal: ask.principal ?? 'spiffe://cluster.local/ns/shop/sa/web',
      certificate: ask.certificate ?? '',
    },
    destination: {
      address: { socketAddress: { address: ask.destinationIp ?? '10.0.0.1', portValue: ask.destinationPort ?? 8080 } },
      principal: ask.destinationPrincipal ?? 'spiffe://cluster.local/ns/shop/sa/orders',
      labels: ask.destinationLabels ?? { app: 'orders' },
    },
    request: {
      http: {
        method,
        path,
        host,
        scheme: 'https',
        protocol: 'HTTP/2',
        ...(rawHeaders === undefined
          ? { headers }
          : {
              headerMap: {
                headers: rawHeaders.map(([key, value]) => ({ key, rawValue: Buffer.from(value as string) })),
              },
            }),
      },
    },
    contextExtensions: ask.contextExtensions ?? {},
    metadataContext: { filterMetadata: Object.fromEntries(filterMetadata) },
    tlsSession: { sni: ask.sni ?? '' },
  });
}

export function questionOf(snapshot: PolicySnapshot, ask: Ask | Buffer, limits: HeaderLimits = LIMITS): Question {
  const view = readCheckRequest(Buffer.isBuffer(ask) ? ask : checkRequest(ask));
  if (view === null) throw new Error('no CheckRequest');
  return pose(view, snapshot, limits);
}

export function decisionOf(snapshot: PolicySnapshot, ask: Ask | Buffer, nowMs = NOW_MS, ttlMs = 60_000): Decision {
  const question = questionOf(snapshot, ask);
  return question.refused ?? decide(question.scope, snapshot.settings, question.request, { nowMs, ttlMs });
}

/** `reason`, and of a rule `reason namespace/policy[index]`. */
export function outcomeOf(snapshot: PolicySnapshot, ask: Ask | Buffer, nowMs = NOW_MS): string {
  return told(decisionOf(snapshot, ask, nowMs));
}

export function told({ reason, rule }: Pick<Decision, 'reason' | 'rule'>): string {
  return rule === null ? reason : `${reason} ${rule.policy.name}[${rule.index}]`;
}

/** Where no policy says who issues tokens. */
export const NO_IDENTITY: Identity = {
  epoch: 0,
  authenticate: () => {
    throw new Error('nobody was to be asked');
  },
};

/** An answer that needs nothing from elsewhere. */
export function atOnce(answer: ReturnType<CheckService['check']>): Uint8Array | null {
  if (answer instanceof Promise) throw new Error('the answer is promised only');
  return answer;
}

export interface TestService {
  readonly service: CheckService;
  readonly records: CheckRecord[];
  readonly errors: unknown[];
  /** May be changed between checks. */
  snapshot: PolicySnapshot | null;
  nowMs: number;
  /** With bounds of work, the clock that work is measured by; it stands still otherwise. */
  workMs: number;
  /** The event loop comes round. */
  endTurn(): void;
  /** null: the bytes were no CheckRequest. */
  check(ask: Ask | Buffer): Uint8Array | null;
}

export function testService(
  snapshot: PolicySnapshot | null,
  options: {
    readonly texts?: DenialTexts;
    readonly askForProof?: AskForProof;
    readonly identity?: Identity;
    readonly limits?: HeaderLimits & { readonly maxMessageBytes?: number };
    readonly cache?: { readonly maxEntries: number; readonly ttlSeconds: number };
    readonly overload?: Overload;
    /** Beside {@link TestService.records}; what it gives back counts. */
    readonly record?: (record: CheckRecord) => unknown;
  } = {},
): TestService {
  const records: CheckRecord[] = [];
  const errors: unknown[] = [];
  const startMs = performance.now();
  const turnEnds: (() => void)[] = [];
  const world: TestService = {
    snapshot,
    nowMs: NOW_MS,
    workMs: 0,
    endTurn: () => turnEnds.splice(0).forEach((end) => end()),
    records,
    errors,
    service: new CheckService({
      snapshot: () => world.snapshot,
      identity: options.identity ?? NO_IDENTITY,
      limits: { ...LIMITS, ...(options.limits ?? LIMITS) },
      cache: options.cache ?? { maxEntries: 1000, ttlSeconds: 60 },
      texts: options.texts ?? TEXTS,
      askForProof: options.askForProof ?? JUST_REFUSE,
      record: (record) => {
        const { id, request, revision } = record;
        records.push({ ...record, id, request, revision });
        return options.record?.(record);
      },
      onError: (error) => errors.push(error),
      now: () => world.nowMs,
      ...(options.overload === undefined
        ? {}
        : {
            overload: options.overload,
            monotonicNow: () => startMs + world.workMs,
            atTurnEnd: (end) => void turnEnds.push(end),
          }),
    }),
    check: (ask) =>
      atOnce(
        world.service.check(Buffer.isBuffer(ask) ? ask : checkRequest(ask), {
          deadlineMs: Number.POSITIVE_INFINITY,
          peerAllowed: true,
        }),
      ),
  };
  return world;
}
