/** The thread that looks into policies: one task at a time, a few that wait, each for so long. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Inspector } from '../../../src/admin/inspect/inspector.ts';
import type { InspectorOptions } from '../../../src/admin/inspect/inspector.ts';
import type { Task } from '../../../src/admin/inspect/messages.ts';
import { HttpError } from '../../../src/admin/route.ts';
import type { RuleHits } from '../../../src/telemetry/rule-hits.ts';
import { LIMITS, SETTINGS, TEXTS, snapshotOf } from '../../extauthz/support/engine.ts';
import { access, operation, policiesYaml } from '../../extauthz/support/yaml.ts';
import { DEFAULTS } from '../support/world.ts';

// A thread takes its time to start where much else is going on.
jest.setTimeout(60_000);

const snapshotWith = (name: string) =>
  snapshotOf(policiesYaml([access('ALLOW', { name, ...operation({ paths: ['/a'] }) })]));
const SNAPSHOT = snapshotWith('a');
const RULES: Task = {
  kind: 'rules',
  page: { after: 0, limit: 10, namespace: null },
  policy: null,
  unused: null,
  lastSeen: new Map(),
  countedSince: new Date(0).toISOString(),
  processes: { asked: 1, answered: 1 },
};

let inspector: Inspector | null = null;
afterEach(async () => {
  await inspector?.close();
  inspector = null;
});

type Changeable = { -readonly [Key in keyof InspectorOptions]: InspectorOptions[Key] };

function inspecting(given: Partial<InspectorOptions> = {}): Inspector & { readonly options: Changeable } {
  const options: Changeable = {
    settings: { decisions: SETTINGS, limits: LIMITS, texts: TEXTS, askForProof: DEFAULTS.identity.answers },
    snapshot: () => SNAPSHOT,
    hits: () => Promise.resolve([]),
    ...given,
  };
  const started = Object.assign(new Inspector(options), { options });
  inspector = started;
  return started;
}

async function codeOf(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return 'done';
  } catch (error) {
    return error instanceof HttpError ? `${error.status} ${error.code}` : String(error);
  }
}

const rulesIn = (body: string | Uint8Array): { readonly name: string; readonly hits: number }[] =>
  (JSON.parse(Buffer.from(body as Uint8Array).toString()) as { rules: { name: string; hits: number }[] }).rules;

describe('the inspector', () => {
  it('does one task after the other, and refuses what would be too many', async () => {
    const { promise, resolve } = Promise.withResolvers<readonly RuleHits[]>();
    const busy = inspecting({ hits: () => promise });
    const first = Array.from({ length: 8 }, () => codeOf(busy.run(RULES)));
    expect(await codeOf(busy.run(RULES))).toBe('503 busy');
    resolve([]);
    expect(new Set(await Promise.all(first))).toEqual(new Set(['done']));
    expect(await codeOf(busy.run(RULES))).toBe('done');
  });

  it('gives up what takes too long, and does the next', async () => {
    const slow = inspecting({ timeoutMs: 0 });
    expect(await codeOf(slow.run(RULES))).toBe('503 too-slow');
    slow.options.timeoutMs = 60_000;
    expect(await codeOf(slow.run(RULES))).toBe('done');
  });

  it('looks into the policies that are in force then, with what was counted', async () => {
    let snapshot = SNAPSHOT;
    const counted: RuleHits[] = Array.from({ length: 2500 }, (_, i) => ({
      kind: 'AccessPolicy',
      policy: 'shop/p0',
      rule: i === 2400 ? 'b' : `other${i}`,
      index: 0,
      decision: 'allow',
      mode: 'enforce',
      hits: i,
    }));
    const looking = inspecting({ snapshot: () => snapshot, hits: () => Promise.resolve(counted) });
    expect(rulesIn((await looking.run(RULES)).body)).toMatchObject([{ name: 'a', hits: 0 }]);
    snapshot = snapshotWith('b');
    expect(rulesIn((await looking.run(RULES)).body)).toMatchObject([{ name: 'b', hits: 2400 }]);
  });

  it('has nothing to look into before there are policies, and after its end', async () => {
    expect(await codeOf(inspecting({ snapshot: () => null }).run(RULES))).toBe('503 not-ready');
    const ended = inspecting();
    await ended.close();
    expect(await codeOf(ended.run(RULES))).toBe('503 not-ready');
  });
});
