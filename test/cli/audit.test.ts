import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Outlet } from '../../src/audit/outlet.ts';
import { sealKey, Sealer } from '../../src/audit/seal.ts';
import { TestSink } from '../audit/support.ts';
import { files, portcullis } from './support.ts';

const STREAM = 'host/0/2026-01-02T03:00:00.000Z';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const PRIVATE = Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' }));
const PUBLIC = String(publicKey.export({ format: 'pem', type: 'spki' }));

async function log(): Promise<string> {
  const sink = new TestSink();
  const outlet = new Outlet({
    sink,
    stream: STREAM,
    begin: { instance: 'host', worker: 0, workers: 1, flushMs: 1000, required: false, method: 'ed25519' },
    previous: null,
    sealer: new Sealer(STREAM, sealKey('ed25519', PRIVATE)),
    spill: null,
    spillsFirst: false,
    state: null,
    maxQueueBytes: 1e6,
    holdMs: 1000,
    onError: () => undefined,
    now: () => Date.UTC(2026, 0, 2, 3),
  });
  outlet.take(Buffer.from(`{"msg":"decision","schema":1,"stream":"${STREAM}","seq":1}\n`), 1, 1);
  outlet.lose(2, 4);
  await outlet.close(4, 1000);
  return sink.text;
}

describe('portcullis audit verify', () => {
  it('says what is there, what the log says is missing, and that it is good', async () => {
    using place = files({ 'log/audit-1.jsonl': await log(), 'log/other.txt': 'not this', public: PUBLIC });
    const args = ['audit', 'verify', place.at('log'), '--public-key', place.at('public')];
    const { code, stdout } = await portcullis(args);
    expect(stdout.replace(/key [0-9a-f]{16}/, 'key ID')).toBe(
      `${STREAM}: 1 decision (1), 2 batches sealed by key ID, ended in order, proven until 2026-01-02T03:00:00.000Z
lost as the log says: 3 decisions (2–4) of ${STREAM}, no-room
good: 1 decision in 1 stream
`,
    );
    expect(code).toBe(0);
    const json = await portcullis([...args, '--format', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ good: true, keyed: true, losses: [{ from: 2, to: 4 }] });
  });

  it('names what is wrong and where, and ends with 1', async () => {
    const text = (await log()).replace('"seq":1}', '"seq":1,"x":1}');
    using place = files({ 'a.jsonl': text, public: PUBLIC });
    const { code, stdout } = await portcullis([
      'audit',
      'verify',
      place.at('a.jsonl'),
      '--public-key',
      place.at('public'),
    ]);
    expect(stdout).toContain(
      `changed ${STREAM}: the lines of batch 2 are not those that were sealed (${place.at('a.jsonl')}:`,
    );
    expect(stdout).toMatch(/^not good: \d+ problems?$/m);
    expect(code).toBe(1);
  });

  it('says that without a key little is proven', async () => {
    using place = files({ 'a.jsonl': await log() });
    const { code, stdout } = await portcullis(['audit', 'verify', place.at('a.jsonl')]);
    expect(stdout).toContain('no key was given');
    expect(code).toBe(0);
  });

  it.each([
    [['audit', 'verify', '/nowhere'], '/nowhere cannot be read'],
    [['audit', 'verify', '.', '--key', '/nowhere'], '/nowhere cannot be read'],
    [['audit', 'verify', '.', '--key', '/dev/null'], '/dev/null: the key has fewer than 32 bytes'],
    [['audit', 'check', '.'], 'Allowed choices are verify'],
    [['audit', 'verify'], "missing required argument 'path'"],
    [['audit', 'verify', '.', '--key', 'a', '--public-key', 'b'], 'cannot be used with'],
  ])('%j is bad usage', async (args, message) => {
    const { code, stderr } = await portcullis(args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});
