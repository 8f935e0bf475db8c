import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Claim, ClaimMap } from '../../../src/attributes/claim.ts';
import { WireError, WireReader } from '../../../src/extauthz/wire/reader.ts';
import { readStruct, writeStruct } from '../../../src/extauthz/wire/struct.ts';
import { WireWriter } from '../../../src/extauthz/wire/writer.ts';
import { encodeStruct } from '../support/messages.ts';
import type { Json } from '../support/messages.ts';

const read = (bytes: Buffer): ClaimMap => readStruct(new WireReader(bytes));

function written(fields: ClaimMap): Buffer {
  const writer = new WireWriter();
  writeStruct(writer, fields);
  return writer.finish();
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** The claim that a JSON value should become. */
function claimOf(value: Json): Claim {
  if (typeof value === 'string') return latin1(value);
  if (Array.isArray(value)) return (value as readonly Json[]).map(claimOf);
  if (typeof value === 'object' && value !== null)
    return new Map(Object.entries(value).map(([key, item]) => [latin1(key), claimOf(item)]));
  return value;
}

const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(null, true, false, 0, -1.5, 1e300, '', 'a', 'é'),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '', 'ü', 'constructor'), tie('json'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  ),
}));
const object = fc.dictionary(fc.constantFrom('a', 'b', 'sub', 'constructor'), json, {
  maxKeys: 4,
  noNullPrototype: true,
});

describe('a Struct', () => {
  it('is read as protobufjs writes it', () => {
    fc.assert(
      fc.property(object, (fields) => {
        expect(read(encodeStruct(fields))).toEqual(claimOf(fields));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same after writing and reading', () => {
    fc.assert(
      fc.property(object, (fields) => {
        const claims = claimOf(fields) as ClaimMap;
        expect(read(written(claims))).toEqual(claims);
      }),
      { numRuns: 500 },
    );
  });

  it('has the last of two values for one key', () => {
    const first = written(new Map([['a', 'x']]));
    const second = written(new Map([['a', 'y']]));
    expect(read(Buffer.concat([first, second]))).toEqual(new Map([['a', 'y']]));
  });

  it('has keys like any other that are names of properties', () => {
    const bytes = written(
      new Map([
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ]),
    );
    expect([...read(bytes).keys()]).toEqual(['__proto__', 'constructor']);
  });

  it('takes a value without a kind for null, and skips unknown fields', () => {
    const entry = new WireWriter()
      .text(1, 'a')
      .message(2, (value) => value.number(9, 1))
      .number(7, 1)
      .finish();
    const bytes = new WireWriter().bytes(1, entry).number(5, 1).finish();
    expect(read(bytes)).toEqual(new Map([['a', null]]));
  });

  it.each([
    ['objects', (inner: Claim): Claim => new Map([['a', inner]])],
    ['lists', (inner: Claim): Claim => [inner]],
  ])('nested in %s without end is refused, and does not exhaust the stack', (_, wrap) => {
    let claim: Claim = 'x';
    for (let i = 0; i < 10; i++) claim = wrap(claim);
    expect(read(written(new Map([['deep', claim]]))).has('deep')).toBe(true);
    for (let i = 0; i < 200; i++) claim = wrap(claim);
    const bytes = written(new Map([['deep', claim]]));
    expect(() => read(bytes)).toThrow(WireError);
  });

  it('throws nothing but WireError, whatever is changed in it', () => {
    const good = encodeStruct({ sub: 'alice', roles: ['a', 1, { b: null }], n: 1.5, deep: { a: { b: [true] } } });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.nat(good.length),
        (changes, length) => {
          const bytes = Buffer.from(good.subarray(0, length));
          for (const [at, octet] of changes) if (at < length) bytes[at] = octet;
          try {
            read(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
