import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { DirectorySource } from '../../../src/pap/sources/directory.ts';
import { Taken } from '../../../src/pap/sources/taken.ts';
import { Watching } from '../../../src/pap/sources/watching.ts';
import { Recorder, scratch } from './support.ts';
import type { Scratch } from './support.ts';

const REPETITIONS = 12;
const DEBOUNCE_MS = 50;
/** Long: what these tests see, file events brought. */
const EVENTS_ONLY = { debounceMs: DEBOUNCE_MS, pollMs: 0 };
const POLLED = { debounceMs: 20, pollMs: 30 };

/** A way to bring new text to a file. Steps that take time stay well within the debounce. */
type Save = (path: string, text: string) => Promise<void> | void;

const SAVES: Readonly<Record<string, Save>> = {
  'truncate, then write': (path, text) => {
    writeFileSync(path, text);
  },
  'truncate, then write in two halves with a pause': async (path, text) => {
    const file = openSync(path, 'w');
    await sleep(DEBOUNCE_MS / 5);
    const half = text.length / 2;
    writeSync(file, text.slice(0, half));
    await sleep(DEBOUNCE_MS / 5);
    writeSync(file, text.slice(half));
    closeSync(file);
  },
  'write beside, then rename over it': (path, text) => {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  },
  'write a hidden file beside, then rename over it': (path, text) => {
    const hidden = `${dirname(path)}/.shop.yaml.8f3a`;
    writeFileSync(hidden, text);
    renameSync(hidden, path);
  },
  'as vim does: swap file, probe, backup, create, delete the backup': async (path, text) => {
    const swap = `${dirname(path)}/.shop.yaml.swp`;
    writeFileSync(swap, 'vim');
    writeFileSync(`${dirname(path)}/4913`, '');
    unlinkSync(`${dirname(path)}/4913`);
    renameSync(path, `${path}~`);
    await sleep(DEBOUNCE_MS / 5);
    writeFileSync(path, text);
    unlinkSync(`${path}~`);
    unlinkSync(swap);
  },
  'as emacs does: lock link, backup by rename, create': (path, text) => {
    const lock = `${dirname(path)}/.#shop.yaml`;
    symlinkSync('someone@here.1234', lock);
    renameSync(path, `${path}~`);
    writeFileSync(path, text);
    unlinkSync(lock);
  },
  'delete, then add': async (path, text) => {
    unlinkSync(path);
    await sleep(DEBOUNCE_MS / 5);
    writeFileSync(path, text);
  },
  'overwrite in place with as many bytes, and set the old time again': (path, text) => {
    const file = openSync(path, 'r+');
    writeSync(file, text, 0);
    closeSync(file);
    utimesSync(path, 1, 1);
  },
};

describe.each(Object.entries(SAVES))('a save is one change: %s', (_name, save) => {
  test.each([
    ['in a watched directory', (dir: Scratch) => dir.path],
    ['of a watched file', (dir: Scratch) => dir.at('shop.yaml')],
  ])(
    '%s',
    async (_where, watched) => {
      using dir = scratch();
      const path = dir.at('shop.yaml');
      writeFileSync(path, 'text 000');
      const source = new DirectorySource({ paths: [watched(dir)], ...EVENTS_ONLY });
      await source.read();
      await using recorder = new Recorder(source);
      for (let round = 1; round <= REPETITIONS; round++) {
        const text = `text ${String(round).padStart(3, '0')}`;
        await save(path, text);
        // Neither a half of it, nor a set without it, nor the same one twice.
        expect(await recorder.nextTexts()).toStrictEqual({ 'shop.yaml': text });
      }
      expect(recorder.unread).toBe(0);
    },
    60_000,
  );
});

describe('whole trees', () => {
  test('a ConfigMap is swapped as Kubernetes does it', async () => {
    using dir = scratch();
    const publish = (number: number): void => {
      const release = `..2026_${number}`;
      mkdirSync(dir.at(release));
      for (const name of ['a.yaml', 'b.yaml']) writeFileSync(dir.at(release, name), `${name} ${number}`);
      symlinkSync(release, dir.at('..data_tmp'));
      renameSync(dir.at('..data_tmp'), dir.at('..data'));
      if (number === 0) for (const name of ['a.yaml', 'b.yaml']) symlinkSync(`..data/${name}`, dir.at(name));
      else rmSync(dir.at(`..2026_${number - 1}`), { recursive: true });
    };
    publish(0);
    const source = new DirectorySource({ paths: [dir.path], ...EVENTS_ONLY });
    await source.read();
    await using recorder = new Recorder(source);
    for (let round = 1; round <= REPETITIONS; round++) {
      publish(round);
      expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': `a.yaml ${round}`, 'b.yaml': `b.yaml ${round}` });
    }
    expect(recorder.unread).toBe(0);
  }, 60_000);

  test('the directory is moved away and another put in its place', async () => {
    using dir = scratch();
    mkdirSync(dir.at('policies'));
    writeFileSync(dir.at('policies', 'a.yaml'), '0');
    const source = new DirectorySource({ paths: [dir.at('policies')], ...EVENTS_ONLY });
    await source.read();
    await using recorder = new Recorder(source);
    for (let round = 1; round <= REPETITIONS; round++) {
      mkdirSync(dir.at('new'));
      writeFileSync(dir.at('new', 'a.yaml'), `moved ${round}`);
      renameSync(dir.at('policies'), dir.at(`old${round}`));
      renameSync(dir.at('new'), dir.at('policies'));
      expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': `moved ${round}` });
      // The new directory is listened to, not the one that was moved away.
      writeFileSync(dir.at(`old${round}`, 'a.yaml'), 'of the past');
      writeFileSync(dir.at('policies', 'a.yaml'), `written ${round}`);
      expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': `written ${round}` });
    }
    expect(recorder.unread).toBe(0);
  }, 60_000);

  test('a link to the directory is changed', async () => {
    using dir = scratch();
    symlinkSync('r0', dir.at('current'));
    const source = new DirectorySource({ paths: [dir.at('current')], ...EVENTS_ONLY });
    expect((await source.read()).diagnostics).toMatchObject([{ code: 'missing-path' }]);
    await using recorder = new Recorder(source);
    for (let round = 1; round <= REPETITIONS; round++) {
      mkdirSync(dir.at(`r${round}`));
      writeFileSync(dir.at(`r${round}`, 'a.yaml'), String(round));
      symlinkSync(`r${round}`, dir.at('next'));
      renameSync(dir.at('next'), dir.at('current'));
      expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': String(round) });
    }
  }, 60_000);

  test('files and directories come and go', async () => {
    using dir = scratch();
    const source = new DirectorySource({ paths: [dir.path], ...EVENTS_ONLY });
    await source.read();
    await using recorder = new Recorder(source);
    mkdirSync(dir.at('team/one'), { recursive: true });
    writeFileSync(dir.at('team/one/a.yaml'), 'a');
    expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': 'a' });
    writeFileSync(dir.at('team/one/b.yaml'), 'b');
    expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': 'a', 'b.yaml': 'b' });
    renameSync(dir.at('team'), dir.at('crew'));
    expect((await recorder.next()).files.map(({ path }) => path)).toStrictEqual([
      dir.at('crew/one/a.yaml'),
      dir.at('crew/one/b.yaml'),
    ]);
    rmSync(dir.at('crew'), { recursive: true });
    expect(await recorder.next()).toStrictEqual({ files: [], diagnostics: [] });
  }, 60_000);

  test('a path that vanishes is handed on as a problem, and its return as content', async () => {
    using dir = scratch();
    mkdirSync(dir.at('policies'));
    writeFileSync(dir.at('policies', 'a.yaml'), 'a');
    const source = new DirectorySource({ paths: [dir.at('policies')], ...EVENTS_ONLY });
    await source.read();
    await using recorder = new Recorder(source);
    rmSync(dir.at('policies'), { recursive: true });
    expect((await recorder.next()).diagnostics).toMatchObject([{ code: 'missing-path', severity: 'error' }]);
    mkdirSync(dir.at('policies'));
    writeFileSync(dir.at('policies', 'a.yaml'), 'a');
    expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': 'a' });
  }, 60_000);
});

describe('without file events', () => {
  test('a link in the middle of the path, which nobody listens to, is seen by polling', async () => {
    using dir = scratch();
    using other = scratch();
    for (const name of ['r0', 'r1']) {
      mkdirSync(other.at(name, 'policies'), { recursive: true });
      writeFileSync(other.at(name, 'policies', 'a.yaml'), name);
    }
    symlinkSync(other.at('r0'), dir.at('current'));
    const source = new DirectorySource({ paths: [dir.at('current', 'policies')], ...POLLED });
    await source.read();
    await using recorder = new Recorder(source);
    symlinkSync(other.at('r1'), dir.at('next'));
    renameSync(dir.at('next'), dir.at('current'));
    expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': 'r1' });
  }, 60_000);

  test('what changed between reading and watching is handed on at once', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), 'old');
    const source = new DirectorySource({ paths: [dir.path], ...EVENTS_ONLY });
    await source.read();
    writeFileSync(dir.at('a.yaml'), 'new');
    await using recorder = new Recorder(source);
    expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': 'new' });
  }, 60_000);
});

describe('what is no change', () => {
  test('touching a file, writing the same again, and files that are no policies', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), 'a');
    const source = new DirectorySource({ paths: [dir.path], ...EVENTS_ONLY });
    await source.read();
    await using recorder = new Recorder(source);
    utimesSync(dir.at('a.yaml'), 1, 1);
    await sleep(DEBOUNCE_MS * 2);
    writeFileSync(dir.at('a.yaml'), 'a');
    writeFileSync(dir.at('a.test.yaml'), 'tests');
    writeFileSync(dir.at('notes.md'), 'notes');
    await sleep(DEBOUNCE_MS * 2);
    writeFileSync(dir.at('b.yaml'), 'b');
    expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': 'a', 'b.yaml': 'b' });
    expect(recorder.unread).toBe(0);
  }, 60_000);

  test('a neighbour that is written all the time does not hold changes up', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), 'a');
    const source = new DirectorySource({ paths: [dir.path], ...EVENTS_ONLY });
    await source.read();
    await using recorder = new Recorder(source);
    const noise = setInterval(() => {
      appendFileSync(dir.at('access.log'), 'line\n');
    }, 2);
    try {
      for (let round = 0; round < 5; round++) {
        writeFileSync(dir.at('a.yaml'), `a ${round}`);
        expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': `a ${round}` });
      }
    } finally {
      clearInterval(noise);
    }
  }, 60_000);

  test('nothing is handed on after closing', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), 'a');
    const source = new DirectorySource({ paths: [dir.path], ...EVENTS_ONLY });
    await source.read();
    const recorder = new Recorder(source);
    writeFileSync(dir.at('a.yaml'), 'b');
    await recorder[Symbol.asyncDispose]();
    await sleep(DEBOUNCE_MS * 3);
    expect(recorder.unread).toBe(0);
  }, 60_000);
});

test('files that never rest are not taken, and somebody hears of it', async () => {
  using dir = scratch();
  const path = dir.at('a.yaml');
  writeFileSync(path, 'at rest');
  let count = 0;
  const writer = setInterval(() => {
    writeFileSync(path, `restless ${count++}`);
  }, 5);
  const options = { paths: [dir.path], ...EVENTS_ONLY, restlessMs: 300 };
  await using recorder = new Recorder({
    read: () => Promise.reject(new Error('not asked for')),
    watch: (changed) => {
      const watching = new Watching(options, new Taken(), changed);
      const ended = watching.run();
      return {
        close: () => {
          watching.close();
          return ended;
        },
      };
    },
  });
  expect((await recorder.next()).diagnostics).toMatchObject([{ code: 'changing-files', severity: 'error' }]);
  clearInterval(writer);
  expect(await recorder.nextTexts()).toStrictEqual({ 'a.yaml': readFileSync(path, 'utf8') });
  expect(recorder.unread).toBe(0);
}, 60_000);
