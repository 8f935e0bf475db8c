import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Claim } from '../../src/attributes/claim.ts';
import { encodeAllow, encodeDeny } from '../../src/extauthz/check-response.ts';
import type { AllowAnswer, DenyAnswer } from '../../src/extauthz/check-response.ts';
import { DecisionIds } from '../../src/extauthz/decision-id.ts';
import { WireReader } from '../../src/extauthz/wire/reader.ts';
import { decodeCheckResponse, fromStruct, pairsOf } from './support/messages.ts';
import type { HeaderOption } from './support/messages.ts';

const metadata = new Map<string, Claim>([
  ['decision', 'allow'],
  ['shadow', new Map([['reason', 'deny_rule']])],
]);

const NOTHING: AllowAnswer = {
  setHeaders: [],
  removeHeaders: [],
  responseHeaders: [],
  setQuery: [],
  removeQuery: [],
  metadata: new Map(),
};

const field = fc.tuple(fc.stringMatching(/^[a-z0-9-]{1,8}$/), fc.stringMatching(/^[\x20-\x7e]{0,12}$/));
const name = fc.stringMatching(/^[a-z0-9-]{1,8}$/);
const allow: fc.Arbitrary<AllowAnswer> = fc.record({
  setHeaders: fc.array(field, { maxLength: 3 }),
  removeHeaders: fc.array(name, { maxLength: 3 }),
  responseHeaders: fc.array(field, { maxLength: 3 }),
  setQuery: fc.array(field, { maxLength: 3 }),
  removeQuery: fc.array(name, { maxLength: 3 }),
  metadata: fc.constantFrom(metadata, new Map()),
});
const deny: fc.Arbitrary<DenyAnswer> = fc.record({
  httpStatus: fc.integer({ min: 400, max: 599 }),
  headers: fc.array(field, { maxLength: 3 }),
  body: fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => Buffer.from(text, 'utf8').toString('latin1')),
  isError: fc.boolean(),
  metadata: fc.constantFrom(metadata, new Map()),
});

/** Fields that are written on the wire, also those that are zero. */
function fieldsOf(bytes: Buffer): number[] {
  const reader = new WireReader(bytes);
  const fields: number[] = [];
  while (reader.next()) {
    fields.push(reader.field);
    reader.skip();
  }
  return fields;
}

/** Both ways of saying "replace" are there, in the sight of every version of Envoy. */
function expectReplacing(options: readonly HeaderOption[] | undefined): void {
  for (const { append, appendAction } of options ?? []) {
    expect(append?.value ?? false).toBe(false);
    expect(append).toBeDefined();
    expect(appendAction).toBe(2);
  }
}

describe('an allow', () => {
  it('says all that it was made of', () => {
    fc.assert(
      fc.property(allow, (answer) => {
        const read = decodeCheckResponse(encodeAllow(answer));
        expect(read.status?.code ?? 0).toBe(0);
        expect(read.deniedResponse ?? read.errorResponse).toBeUndefined();
        expect(read.okResponse).toBeDefined();
        expect(pairsOf(read.okResponse?.headers)).toEqual(answer.setHeaders);
        expect(pairsOf(read.okResponse?.responseHeadersToAdd)).toEqual(answer.responseHeaders);
        expect(read.okResponse?.headersToRemove ?? []).toEqual(answer.removeHeaders);
        expect((read.okResponse?.queryParametersToSet ?? []).map(({ key, value }) => [key, value ?? ''])).toEqual(
          answer.setQuery,
        );
        expect(read.okResponse?.queryParametersToRemove ?? []).toEqual(answer.removeQuery);
        expectReplacing(read.okResponse?.headers);
        expectReplacing(read.okResponse?.responseHeadersToAdd);
      }),
      { numRuns: 200 },
    );
  });

  it('writes its status although it is zero', () => {
    const bytes = encodeAllow(NOTHING);
    expect(fieldsOf(bytes)).toEqual([1, 3, 4]);
    const reader = new WireReader(bytes);
    reader.next();
    expect(fieldsOf(reader.buffer.subarray(...rangeOf(reader)))).toEqual([1]);
  });

  it('has its metadata outside, never in the deprecated field that would override it', () => {
    const read = decodeCheckResponse(encodeAllow({ ...NOTHING, metadata }));
    expect(read.okResponse?.dynamicMetadata).toBeUndefined();
    expect(fromStruct(read.dynamicMetadata)).toEqual({ decision: 'allow', shadow: { reason: 'deny_rule' } });
  });
});

function rangeOf(reader: WireReader): [number, number] {
  reader.range();
  return [reader.start, reader.end];
}

describe('a denial', () => {
  it('says all that it was made of, and is never read as OK', () => {
    fc.assert(
      fc.property(deny, (answer) => {
        const read = decodeCheckResponse(encodeDeny(answer));
        expect(read.status?.code ?? 0).toBeGreaterThan(0);
        const [told, other] = answer.isError
          ? [read.errorResponse, read.deniedResponse]
          : [read.deniedResponse, read.errorResponse];
        expect(read.okResponse ?? other).toBeUndefined();
        expect(told?.status?.code).toBe(answer.httpStatus);
        expect(pairsOf(told?.headers)).toEqual(answer.headers);
        expect(Buffer.from(told?.body ?? '', 'utf8').toString('latin1')).toBe(answer.body);
        expectReplacing(told?.headers);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    [400, 3],
    [401, 16],
    [403, 7],
    [404, 5],
    [413, 3],
    [429, 8],
    [431, 3],
    [500, 13],
    [503, 14],
    [451, 7],
    [599, 7],
  ])('of status %d has the gRPC code %d', (httpStatus, code) => {
    const read = decodeCheckResponse(
      encodeDeny({ httpStatus, headers: [], body: '', isError: false, metadata: new Map() }),
    );
    expect(read.status?.code).toBe(code);
  });
});

describe('a decision id', () => {
  const ids = new DecisionIds();

  it.each([
    ['an allow', encodeAllow({ ...NOTHING, metadata })],
    ['a denial', encodeDeny({ httpStatus: 403, headers: [], body: 'no', isError: false, metadata })],
  ])('stands behind the bytes of %s, and the two metadata are merged', (_, answer) => {
    const before = Buffer.from(answer);
    const number = ids.next();
    const bytes = ids.append(answer, number);
    expect(fieldsOf(bytes).filter((number) => number === 4)).toHaveLength(2);
    // protobuf merges messages that come twice; protobufjs takes the last, so that merging is done by hand here.
    const merged = mergedMetadata(bytes);
    expect(merged).toEqual({ decision: 'allow', shadow: { reason: 'deny_rule' }, decision_id: ids.text(number) });
    expect(answer.equals(before)).toBe(true);
  });

  it('leaves the answer as it was read', () => {
    const answer = encodeDeny({ httpStatus: 403, headers: [['x-a', 'b']], body: 'no', isError: false, metadata });
    const { dynamicMetadata: _, ...withId } = decodeCheckResponse(ids.append(answer, ids.next()));
    const { dynamicMetadata: __, ...without } = decodeCheckResponse(answer);
    expect(withId).toEqual(without);
  });

  it('is unlike every other, of other processes too', () => {
    const all = [new DecisionIds(), new DecisionIds()].flatMap((each) =>
      Array.from({ length: 1000 }, () => each.text(each.next())),
    );
    expect(new Set(all).size).toBe(2000);
    expect(new Set(all.map((id) => id.length)).size).toBe(1);
  });
});

/** The metadata fields of an answer put together as protobuf merges them: a Struct has one map, entries add up. */
function mergedMetadata(bytes: Buffer): unknown {
  const reader = new WireReader(bytes);
  const structs: Buffer[] = [];
  while (reader.next()) {
    reader.range();
    if (reader.field === 4) structs.push(bytes.subarray(reader.start, reader.end));
  }
  const entries = Buffer.concat(structs);
  const length = Buffer.from(
    entries.length < 128 ? [entries.length] : [(entries.length & 127) | 128, entries.length >> 7],
  );
  return fromStruct(decodeCheckResponse(Buffer.concat([Buffer.of(0x22), length, entries])).dynamicMetadata);
}
