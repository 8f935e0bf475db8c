import { describe, expect, it, test } from '@jest/globals';
import { FlatReader, FlatWriter, FORMAT_VERSION, NotFlat } from '../../../src/policy-index/flat/format.ts';
import { openSnapshot } from '../../../src/policy-index/snapshot.ts';
import { SETTINGS, snapshotOf } from '../../extauthz/support/engine.ts';
import { access, operation, policiesYaml } from '../../extauthz/support/yaml.ts';

const { buffer: whole } = snapshotOf(policiesYaml([access('ALLOW', operation({ paths: ['/a', '/b/*'] }))]));

/** With `change` made to its words. */
function changed(change: (words: Uint32Array) => void): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(whole.byteLength);
  new Uint8Array(copy).set(new Uint8Array(whole));
  change(new Uint32Array(copy));
  return copy;
}

function cut(bytes: number): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(bytes);
  new Uint8Array(copy).set(new Uint8Array(whole).subarray(0, bytes));
  return copy;
}

describe('sections', () => {
  it('are read as they were put, whatever their lengths, and empty when none was', () => {
    const writer = new FlatWriter();
    writer.put('postings', Uint32Array.of(1, 2 ** 32 - 1, 3));
    writer.put('text', Buffer.from('abcde'));
    writer.put('values', Uint8Array.of(7));
    const reader = new FlatReader(writer.finish());
    expect([...reader.words('postings')]).toEqual([1, 2 ** 32 - 1, 3]);
    expect(reader.bytes('text').toString()).toBe('abcde');
    expect([...reader.bytes('values')]).toEqual([7]);
    expect(reader.words('rules')).toHaveLength(0);
    expect(reader.bytes('strings')).toHaveLength(0);
  });

  it('are of the part of an array that was given, not of all of it', () => {
    const writer = new FlatWriter();
    writer.put('rules', Uint32Array.of(9, 8, 7, 6).subarray(1, 3));
    expect([...new FlatReader(writer.finish()).words('rules')]).toEqual([8, 7]);
  });

  it('share their memory with the buffer', () => {
    const reader = new FlatReader(whole);
    expect(reader.words('postings').buffer).toBe(whole);
    expect(reader.bytes('text').buffer).toBe(whole);
  });
});

describe('what is no flat snapshot is refused', () => {
  const SECTION_TABLE = 4;

  test.each<[string, SharedArrayBuffer, RegExp]>([
    ['nothing', new SharedArrayBuffer(0), /too short/],
    ['a head alone', cut(16), /too short/],
    ['a length that is no whole number of words', new SharedArrayBuffer(1001), /too short/],
    ['zeros', new SharedArrayBuffer(4096), /does not begin/],
    ['another beginning', changed((words) => words.set([0x12345678], 0)), /does not begin/],
    [
      'the other byte order',
      changed((words) => new DataView(words.buffer).setUint32(0, words[0]!, !isLittle())),
      /another kind of machine/,
    ],
    ['a newer format', changed((words) => words.set([FORMAT_VERSION + 1], 1)), /format/],
    ['another number of sections', changed((words) => words.set([words[3]! + 1], 3)), /format/],
    ['a whole word less', cut(whole.byteLength - 4), /should have/],
    ['another length', changed((words) => words.set([whole.byteLength + 4], 2)), /should have/],
    ['a section past the end', changed((words) => words.set([whole.byteLength], SECTION_TABLE)), /cut off/],
    ['a section that is too long', changed((words) => words.set([0xffff_fff0], SECTION_TABLE + 1)), /cut off/],
    [
      'a section that is not aligned',
      changed((words) => words.set([words[SECTION_TABLE]! + 1], SECTION_TABLE)),
      /cut off/,
    ],
  ])('%s', (_, buffer, message) => {
    expect(() => new FlatReader(buffer)).toThrow(NotFlat);
    expect(() => openSnapshot(buffer, SETTINGS)).toThrow(message);
  });

  test('and one that is whole is taken', () => {
    expect(
      openSnapshot(
        changed(() => undefined),
        SETTINGS,
      ).ruleCount,
    ).toBe(1);
  });
});

function isLittle(): boolean {
  return new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
}
