/** Has every request of a vector file decided in both forms, and holds the answers against what Envoy did. */
import { Workspace } from './engine.ts';
import { headerLines, joined, protobufJson } from './messages.ts';
import type { HeaderLine } from './messages.ts';
import { countIn, newTally } from './tally.ts';
import type { Tally } from './tally.ts';
import type { VectorSet } from './vectors.ts';
import { decideEveryWay, startService } from './ways.ts';
import type { Answers, Explained, Message, Service, Verdict } from './ways.ts';

export interface Outcome {
  /** Sets that were decided. */
  sets: number;
  requests: number;
  /** Ids of sets that do not load. */
  readonly refused: string[];
  readonly lines: Tally;
  readonly joined: Tally;
  /** Requests about which two ways say different things. */
  readonly disagreeing: string[];
  /** Requests with header lines apart that Envoy decided otherwise. */
  readonly wrong: string[];
  /** Requests with lines joined that are allowed and should not be, or denied for no reason. */
  readonly wronglyJoined: string[];
  /** Denials of which Envoy names another rule than those that match here. */
  readonly otherRules: string[];
  /** How often the service answered from its cache. */
  cacheHits: number;
}

export async function runVectors(sets: readonly VectorSet[]): Promise<Outcome> {
  const outcome: Outcome = {
    sets: 0,
    requests: 0,
    refused: [],
    lines: newTally(),
    joined: newTally(),
    disagreeing: [],
    wrong: [],
    wronglyJoined: [],
    otherRules: [],
    cacheHits: 0,
  };
  using workspace = new Workspace();
  await using services = new AsyncDisposableStack();
  let service: Service | null = null;
  for (const set of sets) {
    const engine = workspace.open(set);
    if (engine === null) {
      outcome.refused.push(set.id);
      continue;
    }
    service ??= services.use(await startService(engine));
    const forms = set.requests.map(formsOf);
    const messages = [...forms.map(({ lines }) => lines), ...forms.map((form) => form.joined)];
    judge(outcome, set, forms, await decideEveryWay(engine, workspace, service, messages));
  }
  outcome.cacheHits = service?.cacheHits ?? 0;
  return outcome;
}

interface Forms {
  readonly lines: Message;
  readonly joined: Message;
}

function formsOf({ raw, joined: recorded }: VectorSet['requests'][number]): Forms {
  const bytes = Buffer.from(raw, 'base64');
  return {
    lines: messageOf(bytes),
    joined: messageOf(recorded === undefined ? joined(bytes) : Buffer.from(recorded, 'base64')),
  };
}

function messageOf(bytes: Buffer): Message {
  return { bytes, json: JSON.stringify(protobufJson(bytes)) };
}

function judge(outcome: Outcome, set: VectorSet, forms: readonly Forms[], { verdicts, explained }: Answers): void {
  const count = set.requests.length;
  outcome.sets++;
  outcome.requests += count;
  for (const [i, { id, expect, denied }] of set.requests.entries()) {
    for (const [form, at] of [
      ['lines', i],
      ['joined', count + i],
    ] as const) {
      const where = `${set.id} ${id} ${form}`;
      const said = [...verdicts].map(([way, each]) => [way, each[at]!] as const);
      const [, verdict] = said[0]!;
      if (said.some(([, other]) => told(other) !== told(verdict)))
        outcome.disagreeing.push(`${where}: ${said.map(([way, each]) => `${way}: ${told(each)}`).join('; ')}`);
      const tally = outcome[form];
      if (verdict.decision === expect) tally.agreed++;
      else if (verdict.decision === 'allow') tally.opened++;
      const closed = expect === 'allow' && verdict.decision === 'deny';
      const reason = closed && form === 'joined' ? twoReadings(headerLines(forms[i]!.lines.bytes), set.policies) : null;
      if (closed) countIn(tally.closed, reason ?? 'unexplained');
      if (verdict.decision !== expect && reason === null)
        (form === 'lines' ? outcome.wrong : outcome.wronglyJoined).push(`${where}: ${told(verdict)}`);
    }
    const ours = explained[i]!;
    if (denied !== undefined && ours.decision === 'deny' && envoysName(ours) !== denied)
      outcome.otherRules.push(`${set.id} ${id}: Envoy ${denied}, ours ${envoysName(ours)}`);
  }
}

function told({ decision, httpStatus, reason, policy, rule, revision }: Verdict): string {
  return `${decision} ${httpStatus} ${reason} ${policy ?? '-'}[${rule ?? '-'}] ${revision}`;
}

/**
 * Why lines joined into one value can be denied where lines apart are allowed: a policy asks for a header whose value has
 * a comma, which may be part of one line or the seam between two. null: that is not so here.
 */
function twoReadings(headers: readonly HeaderLine[], policies: string): string | null {
  const asked = new Set([...policies.matchAll(/request\.headers\[([^\]]+)\]/g)].map(([, name]) => name!.toLowerCase()));
  const values = Map.groupBy(
    headers.filter(([name]) => asked.has(name)),
    ([name]) => name,
  );
  if ([...values.values()].some((lines) => lines.length > 1)) return 'asked header on several lines';
  if ([...values.values()].some(([line]) => line![1].includes(','))) return 'comma in an asked header';
  return null;
}

/** The rule that Envoy would name: of those that match, the first by its id as text, so that rule 10 is before 2. */
function envoysName({ policy, denying }: Explained): string {
  const ids = denying.map(
    (rule) => [rule, rule.replace(/^(.*)\/(.*)\[(\d+)\]$/, 'ns[$1]-policy[$2]-rule[$3]')] as const,
  );
  ids.sort(([, a], [, b]) => (a < b ? -1 : 1));
  return ids[0]?.[0] ?? (policy === null ? 'none' : `${policy}, which does not match`);
}
