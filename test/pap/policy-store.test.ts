import { describe, expect, test } from '@jest/globals';
import type { Diagnostic, Severity } from '../../src/lib/diagnostic.ts';
import { PolicyStore } from '../../src/pap/policy-store.ts';
import type { Load, LoadEvent } from '../../src/pap/policy-store.ts';
import { PolicyFile } from '../../src/pap/sources/policy-source.ts';
import type { PolicyFiles, PolicySource } from '../../src/pap/sources/policy-source.ts';

function content(text: string, diagnostics: readonly Diagnostic[] = []): PolicyFiles {
  return { files: [PolicyFile.ofText('a.yaml', text)], diagnostics };
}

function problem(code: string, severity: Severity = 'error', line = 1): Diagnostic {
  return { severity, code, message: code, position: { file: 'a.yaml', line, column: 1 } };
}

/** A source that has what the test puts there. */
class Shelf implements PolicySource {
  now: PolicyFiles;
  changed: ((content: PolicyFiles) => void) | null = null;
  closed = false;

  constructor(now: PolicyFiles) {
    this.now = now;
  }

  read(): Promise<PolicyFiles> {
    return Promise.resolve(this.now);
  }

  watch(changed: (content: PolicyFiles) => void): { close(): Promise<void> } {
    this.changed = changed;
    return {
      close: () => {
        this.closed = true;
        return Promise.resolve();
      },
    };
  }
}

/** The snapshot is the text; a text that begins with `bad` is refused. */
const load = (files: readonly PolicyFile[]): { snapshot: string | null; diagnostics: readonly Diagnostic[] } => {
  const text = files.map((file) => file.text).join();
  return text.startsWith('bad')
    ? { snapshot: null, diagnostics: [problem(text)] }
    : { snapshot: text, diagnostics: [] };
};

/** The next load that ends. */
function nextEvent<Snapshot>(store: PolicyStore<Snapshot>): Promise<LoadEvent<Snapshot>> {
  return new Promise((resolve) => {
    const stop = store.subscribe((event) => {
      stop();
      resolve(event);
    });
  });
}

describe('the snapshot that serves', () => {
  test('there is none before the first good set, and the reasons are kept', async () => {
    const shelf = new Shelf(content('bad start'));
    const store = new PolicyStore({ source: shelf, load });
    expect(store.status).toStrictEqual({
      ready: false,
      takenAtMs: null,
      restored: false,
      refusedSinceMs: null,
      diagnostics: [],
      taken: 0,
      refused: 0,
    });
    const before = Date.now();
    await store.start();
    expect(store.current).toBeNull();
    expect(store.status).toMatchObject({ ready: false, refused: 1, diagnostics: [{ code: 'bad start' }] });
    expect(store.status.refusedSinceMs).toBeGreaterThanOrEqual(before);

    const event = nextEvent(store);
    shelf.changed?.(content('good'));
    expect(await event).toMatchObject({ outcome: 'taken', snapshot: 'good', diagnostics: [] });
    expect(store.current).toBe('good');
    expect(store.status).toMatchObject({ ready: true, refusedSinceMs: null, diagnostics: [], taken: 1, refused: 1 });
  });

  test('a bad set leaves the good one, ready, and is told with the time of the first bad one', async () => {
    const shelf = new Shelf(content('good'));
    const store = new PolicyStore({ source: shelf, load });
    await store.start();
    const takenAtMs = store.status.takenAtMs;

    shelf.now = content('bad 1');
    await store.reload();
    const since = store.status.refusedSinceMs;
    shelf.now = content('bad 2');
    await store.reload();
    expect(store.current).toBe('good');
    expect(store.status).toStrictEqual({
      ready: true,
      takenAtMs,
      restored: false,
      refusedSinceMs: since,
      diagnostics: [problem('bad 2')],
      taken: 1,
      refused: 2,
    });

    shelf.now = content('good');
    await store.reload();
    expect(store.status.refusedSinceMs).toBeNull();
  });

  test('a warning does not refuse a set', async () => {
    const warned: Load<string> = () => ({ snapshot: 'x', diagnostics: [problem('mild', 'warning')] });
    const store = new PolicyStore({ source: new Shelf(content('x')), load: warned });
    const event = nextEvent(store);
    await store.start();
    expect(await event).toMatchObject({ outcome: 'taken', diagnostics: [{ code: 'mild' }] });
  });

  test('a problem of the source refuses a set that is good in itself, and all problems are told in order', async () => {
    const shelf = new Shelf(content('ok', [problem('unreadable-path', 'error', 9)]));
    const warned: Load<string> = () => ({ snapshot: 'x', diagnostics: [problem('mild', 'warning', 3)] });
    const store = new PolicyStore({ source: shelf, load: warned });
    await store.start();
    expect(store.current).toBeNull();
    expect(store.status.diagnostics.map(({ code }) => code)).toStrictEqual(['mild', 'unreadable-path']);
  });

  test('a vanished path is told alone', async () => {
    const shelf = new Shelf({ files: [], diagnostics: [problem('missing-path')] });
    const store = new PolicyStore<string>({
      source: shelf,
      load: () => ({ snapshot: null, diagnostics: [problem('no-policies')] }),
    });
    await store.start();
    expect(store.status.diagnostics.map(({ code }) => code)).toStrictEqual(['missing-path']);
  });

  test('a load that throws is a refused set', async () => {
    const shelf = new Shelf(content('good'));
    let broken = false;
    const store = new PolicyStore<string>({
      source: shelf,
      load: (files) => {
        if (broken) throw new Error('boom');
        return load(files);
      },
    });
    await store.start();
    broken = true;
    await store.reload();
    expect(store.current).toBe('good');
    expect(store.status.diagnostics).toMatchObject([{ code: 'load-failed', severity: 'error' }]);
    expect(store.status.diagnostics[0]?.message).toBe('the policies could not be loaded: boom');
  });
});

describe('the order of loads', () => {
  test('never two at once, and of what waits only the newest', async () => {
    const shelf = new Shelf(content('0'));
    const loaded: string[] = [];
    let running = 0;
    const gates: (() => void)[] = [];
    const slow: Load<string> = async (files) => {
      expect(++running).toBe(1);
      await new Promise<void>((resolve) => gates.push(resolve));
      running--;
      const text = files[0]?.text ?? '';
      loaded.push(text);
      return { snapshot: text, diagnostics: [] };
    };
    const openGate = async (): Promise<void> => {
      while (gates.length === 0) await new Promise(setImmediate);
      gates.shift()?.();
    };
    const store = new PolicyStore({ source: shelf, load: slow });
    const started = store.start();
    await openGate();
    await started;
    for (const text of ['1', '2', '3']) shelf.changed?.(content(text));
    shelf.now = content('4');
    const reloaded = store.reload();
    await openGate();
    await openGate();
    await reloaded;
    expect(loaded).toStrictEqual(['0', '1', '4']);
    expect(store.current).toBe('4');
  });

  test('tells every listener of each load until it leaves', async () => {
    const shelf = new Shelf(content('1'));
    const store = new PolicyStore({ source: shelf, load });
    const heard: string[] = [];
    store.subscribe(({ outcome, snapshot }) => heard.push(`a ${outcome} ${snapshot}`));
    const leave = store.subscribe(({ outcome, snapshot }) => heard.push(`b ${outcome} ${snapshot}`));
    await store.start();
    leave();
    shelf.now = content('bad');
    await store.reload();
    expect(heard).toStrictEqual(['a taken 1', 'b taken 1', 'a refused 1']);
  });

  test('closing stops the watch and keeps the snapshot', async () => {
    const shelf = new Shelf(content('1'));
    const store = new PolicyStore({ source: shelf, load });
    await store.start();
    await store.close();
    expect(shelf.closed).toBe(true);
    expect(store.current).toBe('1');
  });

  test('closing gives up a load that is running: nothing of it is taken or told', async () => {
    const shelf = new Shelf(content('1'));
    const heard: string[] = [];
    const endless: Load<string> = (_files, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    const store = new PolicyStore({ source: shelf, load: endless });
    store.subscribe(({ outcome }) => heard.push(outcome));
    const started = store.start();
    await new Promise(setImmediate);
    await store.close();
    await started;
    await store.reload();
    expect(store.status).toMatchObject({ taken: 0, refused: 0 });
    expect(heard).toStrictEqual([]);
    expect(shelf.changed).toBeNull();
  });
});

describe('what an earlier run has kept', () => {
  test('serves when the first load is refused, is told as restored and stale, and leaves for the first good set', async () => {
    const shelf = new Shelf(content('bad start'));
    const store = new PolicyStore({ source: shelf, load, restore: () => Promise.resolve('kept') });
    const events: string[] = [];
    store.subscribe(({ outcome, snapshot }) => events.push(`${outcome} ${String(snapshot)}`));
    await store.start();
    expect(store.current).toBe('kept');
    expect(store.status).toMatchObject({ ready: true, restored: true, taken: 0, refused: 1 });
    expect(store.status.refusedSinceMs).not.toBeNull();
    shelf.now = content('good');
    await store.reload();
    expect(store.current).toBe('good');
    expect(store.status).toMatchObject({ ready: true, restored: false, refusedSinceMs: null });
    expect(events).toEqual(['refused null', 'restored kept', 'taken good']);
    await store.close();
  });

  test('is not asked for after a good first load, and nothing serves when nothing was kept', async () => {
    const good = new PolicyStore({
      source: new Shelf(content('good')),
      load,
      restore: () => Promise.reject(new Error('asked')),
    });
    await good.start();
    expect(good.current).toBe('good');
    await good.close();
    const bad = new PolicyStore({
      source: new Shelf(content('bad start')),
      load,
      restore: () => Promise.resolve(null),
    });
    await bad.start();
    expect(bad.status).toMatchObject({ ready: false, restored: false });
    await bad.close();
  });
});
