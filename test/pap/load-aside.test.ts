import { createHash } from 'node:crypto';
import { describe, expect, jest, test } from '@jest/globals';
import { snapshotOptions } from '../../src/cli/settings.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadSnapshotAside } from '../../src/pap/load-aside.ts';
import { loadSnapshot } from '../../src/pap/load-snapshot.ts';
import { readAside } from '../../src/pap/read-aside.ts';
import { readPolicyFiles } from '../../src/pap/sources/read-files.ts';
import { PolicyFile } from '../../src/pap/sources/policy-source.ts';

// A thread starts in a fraction of a second, unless everything runs at once.
jest.setTimeout(60_000);

const { config } = loadConfig({ flags: { policies: ['policies'] } });
const options = snapshotOptions(config!);
const task = { language: options.language, decisions: options.decisions };
const never = new AbortController().signal;

const POLICY = `apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: {name: a, namespace: b}
spec: {action: ALLOW, rules: [{to: [{operation: {paths: [/x]}}], condition: "request.method == 'GET'"}]}
`;

async function samples(): Promise<readonly PolicyFile[]> {
  const { files } = await readPolicyFiles([new URL('../../policies', import.meta.url).pathname]);
  expect(files.length).toBeGreaterThan(1);
  return files;
}

/** A thread that runs this instead. */
function running(source: string): { readonly worker: URL } {
  return { worker: new URL(`data:text/javascript,${encodeURIComponent(source)}`) };
}

describe('a load beside requests', () => {
  test('reads the sample policies as a load at once does', async () => {
    const files = await samples();
    const { snapshot, diagnostics } = loadSnapshot(files, options);
    const { buffer, digest } = await readAside(files, task, never);
    expect(Buffer.from(buffer!)).toEqual(Buffer.from(snapshot!.buffer));
    expect(digest).toBe(createHash('sha256').update(Buffer.from(buffer!)).digest('hex'));

    const aside = await loadSnapshotAside(files, options, never);
    expect(aside.diagnostics).toEqual(diagnostics);
    expect(aside.snapshot?.revision).toBe(snapshot?.revision);
    expect(aside.snapshot?.ruleCount).toBe(snapshot?.ruleCount);
    expect(aside.snapshot?.policies.map(({ name, rules }) => [name, rules.map(({ ordinal }) => ordinal)])).toEqual(
      snapshot?.policies.map(({ name, rules }) => [name, rules.map(({ ordinal }) => ordinal)]),
    );
    expect(aside.snapshot?.ownedHeaders).toEqual(snapshot?.ownedHeaders);
  });

  test.each([
    ['broken YAML', [PolicyFile.ofText('a.yaml', 'this: is: no: yaml: [')]],
    ['an unknown field', [PolicyFile.ofText('a.yaml', POLICY.replace('paths', 'pahts'))]],
    ['the same object twice', ['a.yaml', 'b.yaml'].map((path) => PolicyFile.ofText(path, POLICY))],
    ['a condition that does not compile', [PolicyFile.ofText('a.yaml', POLICY.replace('request.method', 'request.('))]],
    [
      'a condition of names that are not there',
      [PolicyFile.ofText('a.yaml', POLICY.replace('request.method', 'nobody'))],
    ],
    ['no policy at all', []],
  ])('tells the same of %s', async (_what, files) => {
    const { diagnostics } = loadSnapshot(files, options);
    expect(diagnostics).not.toEqual([]);
    expect(await loadSnapshotAside(files, options, never)).toEqual({ snapshot: null, diagnostics });
  });

  test('lets the event loop turn while it reads and compiles', async () => {
    const text = Array.from({ length: 600 }, (_, index) => POLICY.replace('name: a', `name: a${index}`)).join('---\n');
    let turns = 0;
    let ended = false;
    const turn = (): void => {
      turns++;
      if (!ended) setImmediate(turn);
    };
    setImmediate(turn);
    const { snapshot } = await loadSnapshotAside([PolicyFile.ofText('a.yaml', text)], options, never);
    ended = true;
    expect(snapshot?.ruleCount).toBe(600);
    // Slices of 64 KiB, each with a turn of its own, besides the turns of waiting.
    expect(turns).toBeGreaterThan(5);
  });
});

describe('a thread that fails is a refused set', () => {
  const files = [PolicyFile.ofText('a.yaml', POLICY)];
  const failing = (source: string, more = {}): Promise<unknown> =>
    loadSnapshotAside(files, options, never, { ...running(source), ...more });
  const refused = (message: string | RegExp, hint: string): unknown => ({
    snapshot: null,
    diagnostics: [
      {
        severity: 'error',
        code: 'load-failed',
        message: expect.stringMatching(message),
        hint: expect.stringContaining(hint),
        position: { file: 'policies', line: 1, column: 1 },
      },
    ],
  });

  test('when it throws', async () => {
    const source = `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { throw new Error('boom'); });`;
    expect(await failing(source)).toEqual(refused(/^the policies could not be loaded: .*boom$/, 'please report'));
  });

  test('when it ends', async () => {
    expect(await failing('process.exit(7);')).toEqual(refused('the thread that reads them ended with 7', 'report'));
  });

  test('when its file is not there', async () => {
    const worker = new URL('./no-such-worker.ts', import.meta.url);
    expect(await loadSnapshotAside(files, options, never, { worker })).toEqual(refused('no-such-worker', 'report'));
  });

  test('when it does not end', async () => {
    const result = await failing('for (;;);', { timeoutMs: 300 });
    expect(result).toEqual(refused('reading them took more than 0.3 seconds', 'fewer policies'));
  });

  test('when it has not enough memory', async () => {
    const source = 'const all = []; for (;;) all.push(Array.from({ length: 1000 }, () => ({})));';
    expect(await failing(source, { maxHeapMiB: 32 })).toEqual(refused('more than 32 MiB of memory', '--max-old-space'));
  });
});

test('a load that nobody wants any more ends with the reason', async () => {
  const controller = new AbortController();
  const loading = loadSnapshotAside([], options, controller.signal, running('for (;;);'));
  setImmediate(() => controller.abort(new Error('stopping')));
  await expect(loading).rejects.toThrow('stopping');
  await expect(loadSnapshotAside([], options, controller.signal)).rejects.toThrow('stopping');
});
