/** Every way to have a request decided: they must all say the same. */
import { decideOffline } from '../../src/extauthz/offline.ts';
import type { OfflineDecision } from '../../src/extauthz/offline.ts';
import { CheckService } from '../../src/extauthz/service.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { GrpcJsTransport } from '../../src/transport/grpc-js/transport.ts';
import { jsonLines, portcullis } from '../cli/support.ts';
import { NO_IDENTITY, atOnce } from '../extauthz/support/engine.ts';
import { decodeCheckResponse } from '../extauthz/support/messages.ts';
import { openClient } from '../transport/support/grpc-client.ts';
import type { Engine, Workspace } from './engine.ts';
import { responseMetadata } from './messages.ts';

/** One form of one request. */
export interface Message {
  readonly bytes: Buffer;
  /** Protobuf JSON, on one line. */
  readonly json: string;
}

/** What is compared between the ways. */
export interface Verdict {
  readonly decision: string;
  readonly httpStatus: number;
  readonly reason: string;
  readonly policy: string | null;
  /** The name, or the number as text. */
  readonly rule: string | null;
  readonly revision: string;
}

export interface Explained extends Verdict {
  /** Every rule that matches of the DENY policies that are obeyed, as `namespace/policy[index]`. */
  readonly denying: readonly string[];
}

export interface Answers {
  /** By way; each has one verdict a message. */
  readonly verdicts: ReadonlyMap<string, readonly Verdict[]>;
  readonly explained: readonly Explained[];
}

export async function decideEveryWay(
  engine: Engine,
  workspace: Workspace,
  service: Service,
  messages: readonly Message[],
): Promise<Answers> {
  const direct = (snapshot: PolicySnapshot): readonly Verdict[] =>
    messages.map(({ bytes }) => {
      const decision = decideOffline(bytes, { snapshot, ...engine.answers, nowMs: Date.now() });
      if (decision === null) throw new Error('no CheckRequest');
      return verdictOf(decision);
    });
  const { revision } = engine.index;
  const among = (snapshot: PolicySnapshot): readonly Verdict[] =>
    direct(snapshot).map((verdict) => ({ ...verdict, revision }));
  const asBytes = messages.map(({ bytes }) => JSON.stringify({ bytes: bytes.toString('base64') }));
  const asJson = messages.map(({ json }) => json);
  const checked = (await commandLine('check', workspace, [...asBytes, ...asJson])).map(verdictOf);
  const explained = (await commandLine<Explanation>('explain', workspace, asBytes)).map((explanation) => ({
    ...verdictOf(explanation),
    denying: denyingRules(explanation),
  }));
  service.serve(engine);
  const verdicts = new Map<string, readonly Verdict[]>([
    ['index', direct(engine.index)],
    ['index among few rules', among(engine.padded.few)],
    ['index among many rules', among(engine.padded.many)],
    ['scan', direct(engine.scan)],
    ['check, bytes', checked.slice(0, messages.length)],
    ['check, JSON', checked.slice(messages.length)],
    ['explain', explained],
    ['service', await service.check(messages)],
    ['service, asked again', service.checkAgain(messages)],
  ]);
  return { verdicts, explained };
}

type Reported = Pick<OfflineDecision, keyof Verdict>;

function verdictOf({ decision, httpStatus, reason, policy, rule, revision }: Reported): Verdict {
  return { decision, httpStatus, reason, policy, rule: rule === null ? null : String(rule), revision };
}

interface Explanation extends Reported {
  readonly policies: readonly {
    readonly policy: string;
    readonly action: string;
    readonly mode: string;
    readonly rules: readonly { readonly index: number; readonly matched: boolean }[];
  }[];
}

function denyingRules({ policies }: Explanation): readonly string[] {
  return policies
    .filter(({ action, mode }) => action === 'DENY' && mode === 'enforce')
    .flatMap(({ policy, rules }) => rules.filter(({ matched }) => matched).map(({ index }) => `${policy}[${index}]`));
}

/** One answer a line. */
async function commandLine<Answer extends Reported>(
  command: string,
  { configFile, policyFile }: Workspace,
  lines: readonly string[],
): Promise<readonly Answer[]> {
  const args = [command, '--config', configFile, '--policies', policyFile, '--requests', '-', '--format', 'json'];
  const { code, stdout, stderr } = await portcullis(args, { stdin: lines.map((line) => `${line}\n`).join('') });
  const answers = jsonLines(stdout) as unknown as readonly Answer[];
  if (code !== 0 || answers.length !== lines.length)
    throw new Error(`${command} ended with ${code} after ${answers.length} answers: ${stderr}`);
  return answers;
}

const CHECK = '/envoy.service.auth.v3.Authorization/Check';

export interface Service extends AsyncDisposable {
  /** From now on decides by these policies. */
  serve(engine: Engine): void;
  /** All at once, over one connection. */
  check(messages: readonly Message[]): Promise<readonly Verdict[]>;
  /** Without the connection, which has been proven by then: it is the cache that answers. */
  checkAgain(messages: readonly Message[]): readonly Verdict[];
  readonly cacheHits: number;
}

/** The service on a socket, its cache on, and a gRPC client. Policies change as they do when files are read again. */
export async function startService({ answers }: Engine): Promise<Service> {
  let snapshot: PolicySnapshot | null = null;
  let cacheHits = 0;
  const checks = new CheckService({
    snapshot: () => snapshot,
    identity: NO_IDENTITY,
    ...answers,
    // Everything is asked at once, and waited for.
    overload: { ...answers.overload, maxTurnMs: Number.POSITIVE_INFINITY },
    cache: { maxEntries: 100_000, ttlSeconds: 60 },
    record: ({ cache }) => {
      if (cache === 'hit') cacheHits++;
    },
    onError: (error) => {
      throw error;
    },
  });
  const listener = await new GrpcJsTransport(() => undefined).listen(
    {
      address: '127.0.0.1:0',
      tls: null,
      maxMessageBytes: answers.limits.maxMessageBytes,
      maxConcurrentStreams: 10_000,
      maxConnectionAgeSeconds: 0,
      reflection: false,
    },
    {
      unary: new Map([[CHECK, (message, context) => checks.check(message, context)]]),
      serverStream: new Map(),
      answersAnyPeer: new Set([CHECK]),
    },
  );
  const client = openClient({ address: listener.address });
  return {
    get cacheHits() {
      return cacheHits;
    },
    serve: ({ index }) => {
      snapshot = index;
    },
    check: (messages) =>
      Promise.all(
        messages.map(async ({ bytes }) => {
          const { code, details, message } = await client.unary(CHECK, bytes, { timeoutMs: 60_000 });
          if (code !== 0 || message === null) throw new Error(`gRPC status ${code}: ${details}`);
          return verdictOfResponse(message);
        }),
      ),
    checkAgain: (messages) =>
      messages.map(({ bytes }) => {
        const answer = atOnce(checks.check(bytes, { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true }));
        if (answer === null) throw new Error('no CheckRequest');
        return verdictOfResponse(answer);
      }),
    async [Symbol.asyncDispose]() {
      client.close();
      await listener.drain(1000);
    },
  };
}

/** What Envoy obeys (status) and what it is told besides (metadata) must say the same. */
function verdictOfResponse(bytes: Uint8Array): Verdict {
  const { status, okResponse, deniedResponse } = decodeCheckResponse(bytes);
  const told = responseMetadata(bytes) as Record<string, string>;
  const allowed = status !== undefined && (status.code ?? 0) === 0 && okResponse !== undefined;
  const denied = status !== undefined && (status.code ?? 0) !== 0 && deniedResponse !== undefined;
  const decision = allowed ? 'allow' : 'deny';
  if (allowed === denied || told['decision'] !== decision)
    throw new Error(`an answer that contradicts itself: ${Buffer.from(bytes).toString('base64')}`);
  return {
    decision,
    httpStatus: allowed ? 200 : (deniedResponse?.status?.code ?? 0),
    reason: told['reason'] ?? '',
    policy: told['policy'] ?? null,
    rule: told['rule'] ?? null,
    revision: told['revision'] ?? '',
  };
}
