import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Outlet } from '../../../src/audit/outlet.ts';
import { sealKey, Sealer, verifyKey } from '../../../src/audit/seal.ts';
import type { SealMethod, VerifyKey } from '../../../src/audit/seal.ts';
import type { StreamEnd } from '../../../src/audit/lines.ts';
import type { StreamState } from '../../../src/audit/state.ts';
import type { AuditReport } from '../../../src/audit/verify/report.ts';
import { verifyLog } from '../../../src/audit/verify/verify.ts';
import { TestSink, until } from '../support.ts';

const HMAC = Buffer.alloc(32, 1);
const ed25519 = generateKeyPairSync('ed25519');
const pem = (key: 'privateKey' | 'publicKey'): Buffer =>
  Buffer.from(ed25519[key].export({ format: 'pem', type: key === 'privateKey' ? 'pkcs8' : 'spki' } as never));

interface Made {
  /** One text for each batch. */
  readonly batches: string[];
  readonly end: StreamEnd;
}

interface Making {
  readonly stream?: string;
  readonly method?: SealMethod | 'none';
  readonly previous?: StreamEnd | null;
  readonly workers?: number;
}

const FIRST = 'host/0/2026-01-02T03:00:00.000Z';
const SECOND = 'host/0/2026-01-02T04:00:00.000Z';

/** What a process writes that makes ten decisions, two a batch. */
async function made({
  stream = FIRST,
  method = 'hmac-sha256',
  previous = null,
  workers = 1,
}: Making = {}): Promise<Made> {
  const sink = new TestSink();
  const ends: StreamEnd[] = [];
  const state = { save: (end: StreamEnd) => Promise.resolve(void ends.push(end)) } as unknown as StreamState;
  const worker = Number(stream.split('/')[1]);
  const key = method === 'none' ? null : sealKey(method, method === 'ed25519' ? pem('privateKey') : HMAC);
  const outlet = new Outlet({
    sink,
    stream,
    begin: { instance: 'host', worker, workers, flushMs: 1, required: false, method },
    previous,
    sealer: key === null ? null : new Sealer(stream, key),
    spill: null,
    spillsFirst: false,
    state,
    maxQueueBytes: 1e6,
    holdMs: 0,
    onError: (error) => {
      throw error;
    },
  });
  for (let seq = 1; seq <= 9; seq += 2) {
    const lines = [seq, seq + 1].map((each) =>
      JSON.stringify({ msg: 'decision', schema: 1, stream, seq: each, path: '/' }),
    );
    outlet.take(Buffer.from(`${lines.join('\n')}\n`), seq, seq + 1);
    const batches = (seq + 1) / 2 + 1;
    await until('each taking is a batch', () => sink.batches.length === batches);
  }
  await outlet.close(10, 1000);
  return { batches: sink.batches.map(({ bytes }) => bytes.toString('utf8')), end: ends.at(-1)! };
}

const HMAC_KEY = verifyKey('hmac-sha256', HMAC);

function verified(files: readonly (readonly string[])[], key: VerifyKey | null = HMAC_KEY): AuditReport {
  return verifyLog(
    files.map((batches, i) => ({ name: `f${i}`, content: Buffer.from(batches.join('')) })),
    key,
  );
}

const codesOf = (report: AuditReport): readonly string[] => [...new Set(report.problems.map(({ code }) => code))];

let one: Made;
let two: Made;
beforeAll(async () => {
  one = await made();
  two = await made({ stream: SECOND, previous: one.end });
});

describe('a whole log', () => {
  it.each(['hmac-sha256', 'ed25519'] as const)('sealed by %s is good', async (method) => {
    const { batches } = await made({ method });
    const key = method === 'ed25519' ? verifyKey(method, pem('publicKey')) : HMAC_KEY;
    expect(verified([batches], key)).toMatchObject({
      good: true,
      keyed: true,
      streams: [{ stream: FIRST, records: 10, firstSeq: 1, lastSeq: 10, batches: 7, end: 'ended', key: key.id }],
    });
  });

  it('of two runs is good, in one file or in several', () => {
    expect(verified([one.batches, two.batches])).toMatchObject({ good: true, streams: [{}, {}] });
    expect(verified([[...one.batches, ...two.batches]])).toMatchObject({ good: true });
    const cut = [one.batches.slice(0, 3), one.batches.slice(3), two.batches.slice(0, 1), two.batches.slice(1)];
    expect(verified(cut)).toMatchObject({ good: true });
  });

  it('among lines of others, and of several processes line by line, is good', async () => {
    const other = await made({ stream: 'host/1/2026-01-02T03:00:00.001Z', workers: 2 });
    const a = one.batches.join('').split('\n');
    const b = other.batches.join('').split('\n');
    const mixed = a.map((line, i) => `${line}\n{"level":"info","msg":"ready"}\nplain\n${b[i] ?? ''}\n`).join('');
    expect(verified([[mixed]])).toMatchObject({ good: true, streams: [{ records: 10 }, { records: 10 }] });
  });

  it('without seals is good by its numbers, and not where there is a key', async () => {
    const { batches } = await made({ method: 'none' });
    expect(verified([batches], null)).toMatchObject({
      good: true,
      keyed: false,
      streams: [{ key: null, records: 10 }],
    });
    expect(codesOf(verified([batches]))).toEqual(['not-sealed']);
  });

  it('that has no lines is not good', () => {
    expect(verified([['{"level":"info"}\n']])).toMatchObject({ good: false, streams: [], otherLines: 1 });
  });
});

describe('at its end', () => {
  it('a log that goes on says until when it is proven', () => {
    const report = verified([one.batches.slice(0, 4)]);
    expect(report).toMatchObject({ good: true, streams: [{ end: 'open', lastSeq: 6 }] });
    expect(report.streams[0]!.provenUntil).not.toBeNull();
  });

  it('lines without a seal prove nothing, and are counted', () => {
    const [first, second, third] = one.batches;
    const torn = third!.slice(0, third!.indexOf('\n') + 20);
    expect(verified([[first!, second!, torn]])).toMatchObject({
      good: true,
      streams: [{ records: 2, unsealedLines: 1 }],
    });
  });

  it('lines that the next run writes again count once', () => {
    const [first, second, third, ...rest] = one.batches;
    const torn = third!.slice(0, third!.indexOf('\n') + 20);
    expect(
      verified([
        [first!, second!, torn],
        [third!, ...rest],
      ]),
    ).toMatchObject({
      good: true,
      streams: [{ records: 10, end: 'ended' }],
    });
  });
});

describe('what was done to a log is found:', () => {
  const edited = (batch: string): string => batch.replace('"path":"/"', '"path":"/x"');
  const swapped = (batch: string): string => {
    const [a, b, ...rest] = batch.split('\n');
    return [b, a, ...rest].join('\n');
  };
  const withoutLine = (batch: string): string => batch.slice(batch.indexOf('\n') + 1);
  const withoutSeal = (batch: string): string => batch.slice(0, batch.lastIndexOf('\n', batch.length - 2) + 1);
  const changed = (at: number, change: (batch: string) => string): readonly string[] =>
    one.batches.map((batch, i) => (i === at ? change(batch) : batch));

  it.each<readonly [string, () => readonly (readonly string[])[], readonly string[]]>([
    ['a changed line', () => [changed(2, edited)], ['changed']],
    ['a line that was taken away', () => [changed(2, withoutLine)], ['changed']],
    ['lines in another order', () => [changed(2, swapped)], ['changed']],
    [
      'a line that was added',
      () => [changed(2, (batch) => `${batch.split('\n')[0]!.replace(/"seq":\d+/, '"seq":99')}\n${batch}`)],
      ['changed'],
    ],
    ['a line that is there twice', () => [changed(2, (batch) => `${batch.split('\n')[0]!}\n${batch}`)], ['changed']],
    ['a seal that was taken away', () => [changed(2, withoutSeal)], ['changed', 'missing']],
    ['a batch that was taken away', () => [one.batches.filter((_, i) => i !== 2)], ['missing']],
    ['a batch that is there twice', () => [changed(2, (batch) => batch + batch)], ['duplicate']],
    [
      'batches in another order',
      () => [[...one.batches.slice(0, 2), one.batches[3]!, one.batches[2]!, ...one.batches.slice(4)]],
      ['reordered'],
    ],
    ['the beginning that was cut off', () => [one.batches.slice(2)], ['cut-start', 'missing']],
    ['the end that was cut off, when a later run is there', () => [one.batches.slice(0, 4), two.batches], ['cut-end']],
    ['only the last batch that was cut off', () => [one.batches.slice(0, -1), two.batches], ['cut-end']],
    ['a run that was taken away whole', () => [two.batches], ['missing-stream']],
    ['a middle of a file', () => [one.batches.slice(0, 2), one.batches.slice(5), two.batches], ['missing']],
    [
      'a batch with a made-up seal',
      () => [changed(2, (batch) => edited(batch).replace(/"signature":"./, '"signature":"A'))],
      ['changed', 'forged-seal', 'missing'],
    ],
    [
      'numbers in a seal',
      () => [changed(2, (batch) => batch.replace(/"records":2/, '"records":1'))],
      ['forged-seal', 'missing'],
    ],
  ])('%s', (_, files, codes) => {
    const report = verified(files());
    expect(report.good).toBe(false);
    expect(codesOf(report)).toEqual(codes);
  });

  it('a log that was sealed anew with another key', () => {
    const other = verifyKey('hmac-sha256', Buffer.alloc(32, 2));
    expect(codesOf(verified([one.batches], other))).toContain('other-key');
  });

  it('the state of the writer that was taken away with its last run', async () => {
    const unlinked = await made({ stream: SECOND });
    expect(codesOf(verified([one.batches, unlinked.batches]))).toEqual(['unlinked-stream']);
  });

  it('a process of which nothing is there', async () => {
    const { batches } = await made({ workers: 2 });
    const report = verified([batches]);
    expect(report.problems).toMatchObject([{ code: 'missing-worker', message: expect.stringContaining('host/1') }]);
  });

  it('with the place where it shows', () => {
    const report = verified([one.batches.slice(0, 2), [edited(one.batches[2]!), ...one.batches.slice(3)]]);
    expect(report.problems).toMatchObject([{ code: 'changed', stream: FIRST, place: 'f1:3' }]);
  });

  it.each<readonly [string, (lines: readonly string[]) => readonly string[], string]>([
    ['a decision that is missing', (lines) => lines.filter((line) => !line.includes('"seq":4,')), 'missing'],
    ['a decision that is there twice', (lines) => [...lines.slice(0, 3), ...lines.slice(2)], 'duplicate'],
    [
      'decisions in another order',
      (lines) => [...lines.slice(0, 2), lines[3]!, lines[2]!, ...lines.slice(4)],
      'reordered',
    ],
    [
      'the last decision, which the end counts',
      (lines) => lines.filter((line) => !line.includes('"seq":10,')),
      'missing',
    ],
  ])('in a log without seals, %s', async (_, change, code) => {
    const { batches } = await made({ method: 'none' });
    const lines = batches.join('').split('\n').slice(0, -1);
    expect(codesOf(verified([change(lines).map((line) => `${line}\n`)], null))).toEqual([code]);
  });
});

describe('a file that was removed because there were too many', () => {
  it('is no fault where the log says so', async () => {
    const sink = new TestSink();
    const key = sealKey('hmac-sha256', HMAC);
    const outlet = new Outlet({
      sink,
      stream: SECOND,
      begin: { instance: 'host', worker: 0, workers: 1, flushMs: 1, required: false, method: 'hmac-sha256' },
      previous: one.end,
      sealer: new Sealer(SECOND, key),
      spill: null,
      spillsFirst: false,
      state: null,
      maxQueueBytes: 1e6,
      holdMs: 1,
      onError: () => undefined,
    });
    const { stream: of, batch, seq, hash } = one.end;
    outlet.say((lines) => lines.retired({ file: 'audit-host-0-1.jsonl', of, batch, seq, hash }));
    await outlet.close(0, 1000);
    expect(verified([[sink.text]])).toMatchObject({ good: true, retired: ['audit-host-0-1.jsonl'] });
  });
});

describe('keys', () => {
  it.each<readonly [string, SealMethod, Buffer, string]>([
    ['a short one', 'hmac-sha256', Buffer.alloc(31), 'fewer than 32 bytes'],
    ['no PEM', 'ed25519', Buffer.from('x'), 'no private key in PEM form'],
    [
      'of another kind',
      'ed25519',
      Buffer.from(
        generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
      ),
      'no Ed25519 key',
    ],
  ])('%s is refused', (_, method, content, message) => {
    expect(() => sealKey(method, content)).toThrow(message);
  });

  it('take no signature that is none', () => {
    const keys = [HMAC_KEY, verifyKey('ed25519', pem('publicKey'))];
    for (const key of keys) for (const text of ['', 'AAAA', '!']) expect(key.verifies('text', text)).toBe(false);
  });
});
