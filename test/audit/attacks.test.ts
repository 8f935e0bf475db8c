/** What a caller can do to the log by what it sends: everything in an entry is the attacker's here. */
import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import type { Claim } from '../../src/attributes/claim.ts';
import { DecisionLog } from '../../src/audit/decision-log.ts';
import type { DecisionEntry } from '../../src/audit/entry.ts';
import { lineSchema } from '../../src/audit/record-schema.ts';
import { renderEntry } from '../../src/audit/render.ts';
import { logLineOf } from '../../src/audit/verify/log-line.ts';
import { visibleBytes } from '../../src/lib/visible-text.ts';
import { ENTRY, STREAM } from './support.ts';
import type { Line } from './support.ts';

/** Bytes, with those among them that mean something in JSON, in lines, on terminals. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        '\r',
        '\0',
        '"',
        '\\',
        '\x1b[31m',
        '\u00e2\u0080\u00ae',
        '\u00e2\u0080\u00a8',
        '","seq":1,"x":"',
      ),
      fc.constantFrom(
        '\u00c3\u00a9',
        '\u00ff',
        '\u00c3',
        '\u00ed\u00a0\u0080',
        '\u00f4\u0090\u0080\u0080',
        '\u00f0\u009f\u0098\u0080',
      ),
      fc.constantFrom(
        '{"msg":"audit end"}',
        '\n{"level":"info","msg":"decision","stream":"',
        '?a=',
        ';',
        '%3f',
        '@',
        '__proto__',
      ),
      fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 40 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));
const orNull = fc.option(text);
const claim: fc.Arbitrary<Claim> = fc.letrec<{ claim: Claim }>((tie) => ({
  claim: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(text, fc.boolean(), fc.constant(null), fc.double({ noNaN: true, noDefaultInfinity: true })),
    fc.array(tie('claim'), { maxLength: 20 }),
    fc.array(fc.tuple(text, tie('claim')), { maxLength: 20 }).map((entries) => new Map(entries)),
  ),
})).claim;

const entry: fc.Arbitrary<DecisionEntry> = fc.record({
  timeMs: fc.integer({ min: 0, max: 4e12 }),
  id: fc.constant('d-1'),
  decision: fc.constant('deny' as const),
  reason: fc.constant('no_rule_matched'),
  httpStatus: fc.constant(403),
  policy: fc.constantFrom(null, 'shop/a"b'),
  rule: fc.constantFrom(null, 3, 'a\\b', 'größe'),
  revision: fc.constantFrom(null, 'r1'),
  principal: orNull,
  requestPrincipal: orNull,
  workload: fc.option(
    fc.record({
      namespace: orNull,
      serviceAccount: orNull,
      labels: fc.option(fc.array(fc.tuple(text, text), { maxLength: 20 }).map((entries) => new Map(entries))),
    }),
  ),
  method: text,
  host: text,
  path: text,
  envoyRequestId: text,
  traceId: fc.constantFrom(null, '4bf92f3577b34da6a3ce929d0e0e4736'),
  spanId: fc.constantFrom(null, '00f067aa0ba902b7'),
  headers: fc
    .array(fc.tuple(fc.constantFrom('x-a', '__proto__', 'referer', 'constructor'), fc.option(fc.array(text))), {
      maxLength: 4,
    })
    .map((entries) => new Map(entries)),
  claims: fc
    .array(fc.tuple(fc.constantFrom('sub', '[a][b]', '__proto__'), claim), { maxLength: 3 })
    .map((entries) => new Map(entries)),
  durationMicros: fc.double({ min: 0, max: 1e9, noNaN: true }),
  cached: fc.boolean(),
  shadow: fc.constantFrom(null, { decision: 'allow' as const, reason: 'a', policy: 'shop/b', rule: 0 }),
});

/** Controls, direction marks, line separators, what has no width, lone surrogates. */
const UNSEEN =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/u;

describe('whatever a caller sends', () => {
  it('is one line of the log, as its schema says, with the fields of this decision and nothing that cannot be seen', () => {
    fc.assert(
      fc.property(entry, fc.integer({ min: 1, max: 2 ** 40 }), (each, seq) => {
        const line = renderEntry(each, STREAM, seq);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(line).not.toMatch(UNSEEN);
        const read = JSON.parse(line) as Line;
        expect(lineSchema.safeParse(read)).toMatchObject({ success: true });
        expect(logLineOf(line)).toEqual({ msg: 'decision', schema: 1, stream: STREAM, seq });
        expect(read).toMatchObject({ seq, id: each.id, decision: 'deny', policy: each.policy, rule: each.rule });
        // Nothing is there twice, where readers might take the one or the other.
        expect(line).toHaveLength(JSON.stringify(read).length + 1);
      }),
      { numRuns: 100 },
    );
  });

  it('makes no record longer than there is always room for', () => {
    const wide = '\u0001'.repeat(3000);
    const many = Array.from({ length: 20 }, () => wide);
    const names = Array.from({ length: 64 }, (_, i) => `x-${i}`);
    const deep: Claim = new Map(
      many.map((value, i) => [`${i}${value}`, new Map(many.map((each, j) => [`${j}${each}`, many]))]),
    );
    const line = renderEntry(
      {
        ...ENTRY,
        ...{
          principal: wide,
          requestPrincipal: wide,
          method: wide,
          host: wide,
          path: `/${wide}`,
          envoyRequestId: wide,
        },
        workload: {
          namespace: wide,
          serviceAccount: wide,
          labels: new Map(many.map((value, i) => [`${i}${value}`, value])),
        },
        headers: new Map(names.map((name) => [name, many])),
        claims: new Map(names.map((name) => [name, deep])),
      },
      STREAM,
      1,
    );
    expect(line.length).toBeLessThan(128 * 1024);
    expect(JSON.parse(line)).toMatchObject({ headers: { 'x-0': ['…'] }, claims: { 'x-0': '…' } });
    expect(lineSchema.safeParse(JSON.parse(line)).success).toBe(true);
  });

  it('in one turn goes to outlets in pieces that collectors take', async () => {
    const sizes: number[] = [];
    const numbers: number[] = [];
    const outlet = {
      counts: { written: 0, dropped: 0, spilled: 0, gaps: 0, errors: 0, queueBytes: 0, spillBytes: 0, stalledMs: 0 },
      hasRoom: () => true,
      take: (lines: Buffer, from: number, to: number) => {
        sizes.push(lines.length);
        numbers.push(from, to);
      },
      lose: () => undefined,
      close: () => Promise.resolve(),
    };
    const log = new DecisionLog({ denials: true, allowSample: 0, required: false, stream: STREAM, outlets: [outlet] });
    for (let i = 0; i < 5000; i++) log.record(false, null, ENTRY, (each) => each);
    await log.close(0);
    expect(Math.max(...sizes)).toBeLessThan(300 * 1024);
    expect(sizes.length).toBeGreaterThan(5);
    expect(numbers.filter((_, i) => i % 2 === 1).at(-1)).toBe(5000);
    for (let i = 2; i < numbers.length; i += 2) expect(numbers[i]).toBe(numbers[i - 1]! + 1);
  });

  it('is shown byte by byte where it is no text, as a decoder says that throws', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const shown = visibleBytes(Buffer.from(bytes).toString('latin1'), 100);
        let isText = true;
        try {
          strict.decode(bytes);
        } catch {
          isText = false;
        }
        if (!isText) expect(shown).toMatch(/\\x[89a-f][0-9a-f]/);
        expect(shown).not.toMatch(UNSEEN);
      }),
      { numRuns: 500 },
    );
  });
});
