import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Lost } from '../../src/audit/batch.ts';
import { Outlet } from '../../src/audit/outlet.ts';
import type { OutletOptions } from '../../src/audit/outlet.ts';
import { sealKey, Sealer, verifyKey } from '../../src/audit/seal.ts';
import { Spill } from '../../src/audit/spill.ts';
import { StreamState } from '../../src/audit/state.ts';
import { verifyLog } from '../../src/audit/verify/verify.ts';
import { directory, STREAM, TestSink, until } from './support.ts';

const KEY = Buffer.alloc(32, 7);
const LINE_BYTES = 200;

function decisions(from: number, to: number, stream = STREAM): Buffer {
  let text = '';
  for (let seq = from; seq <= to; seq++) {
    const line = JSON.stringify({ msg: 'decision', schema: 1, stream, seq });
    text += `${line.slice(0, -1)},"pad":"${'x'.repeat(LINE_BYTES - line.length - 10)}"}\n`;
  }
  return Buffer.from(text);
}

function outletWith(options: Partial<OutletOptions> = {}, stream = STREAM) {
  const sink = new TestSink();
  const errors: string[] = [];
  const outlet = new Outlet({
    sink,
    stream,
    begin: { instance: 'host', worker: 0, workers: 1, flushMs: 10, required: false, method: 'hmac-sha256' },
    previous: null,
    sealer: new Sealer(stream, sealKey('hmac-sha256', KEY)),
    spill: null,
    spillsFirst: false,
    state: null,
    maxQueueBytes: 1_000_000,
    holdMs: options.begin?.flushMs ?? 10,
    onError: (_, what) => errors.push(what),
    random: () => 0,
    ...options,
  });
  return { outlet, sink, errors };
}

const report = (...sinks: readonly TestSink[]) =>
  verifyLog(
    sinks.map((sink, i) => ({ name: `f${i}`, content: Buffer.from(sink.text) })),
    verifyKey('hmac-sha256', KEY),
  );

describe('batches', () => {
  it('are delivered after the flush interval, in order, each with its seal', async () => {
    const { outlet, sink } = outletWith();
    outlet.take(decisions(1, 3), 1, 3);
    await until('they are there', () => sink.text.includes('"seq":3'));
    outlet.take(decisions(4, 4), 4, 4);
    await outlet.close(4, 1000);
    expect(sink.lines.map(({ msg }) => msg)).toEqual([
      'audit begin',
      'audit seal',
      'decision',
      'decision',
      'decision',
      'audit seal',
      'decision',
      'audit end',
      'audit seal',
    ]);
    expect(sink.closed).toBe(true);
    expect(outlet.counts).toMatchObject({ written: 4, dropped: 0, gaps: 0, queueBytes: 0, stalledMs: 0 });
    expect(report(sink)).toMatchObject({ good: true, streams: [{ records: 4, end: 'ended' }] });
  });

  it('are closed at once when large', async () => {
    const { outlet, sink } = outletWith({ begin: { ...BEGIN, flushMs: 60_000 } });
    for (let i = 0; i < 20; i++) outlet.take(decisions(i * 100 + 1, i * 100 + 100), i * 100 + 1, i * 100 + 100);
    await until('the first is there', () => sink.batches.length > 1);
    await outlet.close(2000, 1000);
    expect(Math.max(...sink.batches.map(({ bytes }) => bytes.length))).toBeLessThan(300_000);
    expect(report(sink)).toMatchObject({ good: true, streams: [{ records: 2000 }] });
  });

  it('go on long before the flush interval where somebody looks at them, and together', async () => {
    const { outlet, sink } = outletWith({ holdMs: 10, sealer: null, begin: { ...BEGIN, flushMs: 60_000 } });
    for (let seq = 1; seq <= 3; seq++) outlet.take(decisions(seq, seq), seq, seq);
    await until('they are there', () => sink.text.includes('"seq":3'));
    expect(sink.lines.map(({ msg }) => msg)).toEqual(['audit begin', 'decision', 'decision', 'decision']);
    expect(sink.batches).toHaveLength(2);
    await outlet.close(3, 1000);
  });
});

const BEGIN = { instance: 'host', worker: 0, workers: 1, flushMs: 10, required: false, method: 'hmac-sha256' };

describe('a sink that is down', () => {
  it('gets everything in order when it is back, from memory', async () => {
    const { outlet, sink, errors } = outletWith();
    sink.fails = new Error('down');
    for (let seq = 1; seq <= 20; seq++) {
      outlet.take(decisions(seq, seq), seq, seq);
      await until('it was tried', () => sink.attempts > Math.min(2, seq / 10));
    }
    expect(outlet.counts.stalledMs).toBeGreaterThanOrEqual(0);
    sink.fails = null;
    await until('all is there', () => sink.text.includes('"seq":20,'));
    await outlet.close(20, 1000);
    expect(report(sink)).toMatchObject({ good: true, losses: [], streams: [{ records: 20 }] });
    expect(errors).toContain('decision records cannot be delivered');
    expect(outlet.counts.errors).toBeGreaterThan(0);
  });

  it('gets what there was room for, and a gap line for the rest', async () => {
    const { outlet, sink } = outletWith({ maxQueueBytes: 4000 });
    sink.fails = new Error('down');
    let lost = 0;
    for (let seq = 1; seq <= 100; seq++) {
      if (outlet.hasRoom(LINE_BYTES)) outlet.take(decisions(seq, seq), seq, seq);
      else {
        lost += 1;
        outlet.lose(seq, seq);
      }
    }
    expect(lost).toBeGreaterThan(50);
    sink.fails = null;
    await until('the gap is told', () => sink.lines.some(({ msg }) => msg === 'audit gap'));
    await outlet.close(100, 1000);
    const found = report(sink);
    expect(found).toMatchObject({ good: true, losses: [{ reason: 'no-room', to: 100, records: lost }] });
    expect(found.streams[0]!.records + lost).toBe(100);
    expect(outlet.counts).toMatchObject({ dropped: lost, gaps: 1, written: 100 - lost });
  });

  it('gets everything from disk, also of a process that is gone', async () => {
    using place = directory();
    const open = () => Spill.open(join(place.path, 'spill'), 10_000_000, STREAM);
    const state = () => new StreamState(join(place.path, 'state'), () => undefined);
    const first = outletWith({ spill: await open(), state: state(), maxQueueBytes: 10_000 });
    first.sink.fails = new Error('down');
    for (let seq = 1; seq <= 200; seq++) {
      await until('there is room', () => first.outlet.hasRoom(LINE_BYTES));
      first.outlet.take(decisions(seq, seq), seq, seq);
    }
    await first.outlet.close(200, 0);
    expect(first.outlet.counts).toMatchObject({ written: 0, dropped: 0, spilled: 200 });

    const later = 'host/0/2026-01-02T04:00:00.000Z';
    const previous = await state().load();
    expect(previous).toMatchObject({ stream: STREAM, seq: 200, clean: true });
    const sealer = new Sealer(later, sealKey('hmac-sha256', KEY));
    const second = outletWith({ spill: await open(), state: state(), sealer, previous }, later);
    second.outlet.take(decisions(1, 1, later), 1, 1);
    await until('all is there', () => second.sink.text.includes('"seq":200,'));
    await second.outlet.close(1, 1000);
    expect(readdirSync(join(place.path, 'spill'))).toEqual([]);
    expect(report(second.sink)).toMatchObject({
      good: true,
      losses: [],
      uncleanEnds: [],
      streams: [
        { stream: STREAM, records: 200, end: 'ended' },
        { stream: later, records: 1, end: 'ended' },
      ],
    });
  });

  it('that is far away has its records on disk before they are sent', async () => {
    using place = directory();
    const spill = await Spill.open(place.path, 1_000_000, STREAM);
    const { outlet, sink } = outletWith({ spill, spillsFirst: true });
    let release: () => void = () => undefined;
    sink.holds = new Promise((resolve) => (release = resolve));
    outlet.take(decisions(1, 5), 1, 5);
    await until('they are on disk', () => outlet.counts.spilled === 5);
    expect(sink.batches).toEqual([]);
    release();
    await outlet.close(5, 1000);
    expect(report(sink)).toMatchObject({ good: true, streams: [{ records: 5 }] });
    expect(readdirSync(place.path)).toEqual([]);
  });

  it('that hangs leaves its records on disk', async () => {
    using place = directory();
    const spill = await Spill.open(place.path, 1_000_000, STREAM);
    const { outlet, sink } = outletWith({ spill });
    let release: () => void = () => undefined;
    sink.holds = new Promise((resolve) => (release = resolve));
    await until('it hangs', () => sink.attempts > 0);
    let seq = 1;
    for (; outlet.counts.spilled < 5; seq++) {
      outlet.take(decisions(seq, seq), seq, seq);
      const { spilled } = outlet.counts;
      if (seq > 5) await until('more is on disk', () => outlet.counts.spilled > spilled);
    }
    expect(readdirSync(place.path).length).toBeGreaterThan(1);
    release();
    await outlet.close(seq - 1, 1000);
    expect(report(sink)).toMatchObject({ good: true, streams: [{ records: seq - 1 }] });
  });
});

describe('a disk that takes nothing', () => {
  it('leaves records in memory, and then makes a gap', async () => {
    using place = directory();
    const path = join(place.path, 'spill');
    const spill = await Spill.open(path, 10_000_000, STREAM);
    rmSync(path, { recursive: true });
    writeFileSync(path, 'no directory');
    const { outlet, sink, errors } = outletWith({ spill, maxQueueBytes: 4000 });
    sink.fails = new Error('down');
    for (let seq = 1; seq <= 50; seq++) {
      if (outlet.hasRoom(LINE_BYTES)) outlet.take(decisions(seq, seq), seq, seq);
      else outlet.lose(seq, seq);
    }
    await until('it was tried', () => errors.includes('decision records cannot wait on disk'));
    sink.fails = null;
    await until('the gap is told', () => sink.lines.some(({ msg }) => msg === 'audit gap'));
    await outlet.close(50, 1000);
    const found = report(sink);
    expect(found.good).toBe(true);
    expect(found.streams[0]!.records + found.losses[0]!.records).toBe(50);
  });

  it('is told of by name when what waited on it is gone', async () => {
    using place = directory();
    const spill = await Spill.open(place.path, 10_000_000, STREAM);
    const { outlet, sink } = outletWith({ spill, spillsFirst: true });
    let release: () => void = () => undefined;
    sink.holds = new Promise((resolve) => (release = resolve));
    await until('the first is under way', () => sink.attempts === 1);
    outlet.take(decisions(1, 7), 1, 7);
    await until('they are on disk', () => outlet.counts.spilled === 7);
    for (const file of readdirSync(place.path)) rmSync(join(place.path, file));
    release();
    await until('the gap is told', () => sink.lines.some(({ msg }) => msg === 'audit gap'));
    await outlet.close(7, 1000);
    expect(report(sink)).toMatchObject({
      good: true,
      losses: [{ reason: 'spill-lost', from: 1, to: 7, records: 7 }],
    });
  });

  it('is not filled beyond its bound', async () => {
    using place = directory();
    const spill = await Spill.open(place.path, 3000, STREAM);
    const { outlet, sink } = outletWith({ spill, maxQueueBytes: 6000 });
    sink.fails = new Error('down');
    for (let seq = 1; seq <= 100; seq++) {
      if (outlet.hasRoom(LINE_BYTES)) outlet.take(decisions(seq, seq), seq, seq);
      else outlet.lose(seq, seq);
      if (seq % 10 === 0) await until('it was tried', () => sink.attempts > 0);
    }
    expect(outlet.counts.spillBytes).toBeLessThanOrEqual(3000);
    expect(outlet.counts.queueBytes).toBeLessThan(7000);
    sink.fails = null;
    await until('the gap is told', () => sink.lines.some(({ msg }) => msg === 'audit gap'));
    await outlet.close(100, 1000);
    const found = report(sink);
    expect(found.good).toBe(true);
    expect(found.streams[0]!.records + found.losses.reduce((sum, { records }) => sum + records, 0)).toBe(100);
  });
});

describe('a sink that says that it lost lines', () => {
  it('is not asked again, and a gap line tells of them', async () => {
    const { outlet, sink } = outletWith();
    await until('the begin is there', () => sink.batches.length === 1);
    sink.fails = new Lost('gone');
    outlet.take(decisions(1, 4), 1, 4);
    await until('it was tried', () => sink.attempts === 2);
    sink.fails = null;
    await until('the gap is told', () => sink.lines.some(({ msg }) => msg === 'audit gap'));
    outlet.take(decisions(5, 5), 5, 5);
    await outlet.close(5, 1000);
    expect(outlet.counts).toMatchObject({ written: 1, dropped: 4, gaps: 1 });
    expect(report(sink)).toMatchObject({
      good: true,
      losses: [{ reason: 'sink-lost', from: 1, to: 4, records: 4 }],
      streams: [{ records: 1 }],
    });
  });
});

describe('after a process that was killed', () => {
  it('the next stream says up to where it is known, and no more was lost than lies behind that', async () => {
    using place = directory();
    const state = () => new StreamState(join(place.path, 'state'), () => undefined);
    const first = outletWith({ state: state() });
    first.outlet.take(decisions(1, 3), 1, 3);
    await until('they are known', async () => (await state().load())?.seq === 3);

    const later = 'host/0/2026-01-02T04:00:00.000Z';
    const sealer = new Sealer(later, sealKey('hmac-sha256', KEY));
    const second = outletWith({ sealer, previous: await state().load() }, later);
    await second.outlet.close(0, 1000);
    const found = report(first.sink, second.sink);
    expect(found).toMatchObject({
      good: true,
      uncleanEnds: [{ stream: STREAM, lastSeq: 3, flushMs: 10 }],
      streams: [{ end: 'unclean' }, { end: 'ended' }],
    });
    await first.outlet.close(3, 1000);
  });
});

describe('what is kept on disk', () => {
  it('is not taken from files that are no batches', async () => {
    using place = directory();
    mkdirSync(join(place.path, 'spill'));
    writeFileSync(join(place.path, 'spill', 'half.batch.part'), 'x');
    writeFileSync(join(place.path, 'spill', 'strange.batch'), 'x');
    const spill = await Spill.open(join(place.path, 'spill'), 1000, STREAM);
    expect(spill.first).toBeNull();
    expect(readdirSync(join(place.path, 'spill'))).toEqual([]);
  });

  it('of the state has to be readable', async () => {
    using place = directory();
    writeFileSync(join(place.path, 'state'), '{"stream": 1}');
    await expect(new StreamState(join(place.path, 'state'), () => undefined).load()).rejects.toThrow();
    await expect(new StreamState(join(place.path, 'none'), () => undefined).load()).resolves.toBeNull();
  });
});
