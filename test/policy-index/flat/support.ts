/** Parts of a flat snapshot by themselves: written, and opened again. */
import { FlatReader, FlatWriter } from '../../../src/policy-index/flat/format.ts';
import { PatternReader } from '../../../src/policy-index/flat/pattern-reader.ts';
import type { PatternTable } from '../../../src/policy-index/flat/pattern-reader.ts';
import { PatternWriter } from '../../../src/policy-index/flat/pattern-writer.ts';
import { Postings, PostingsWriter, SetsWriter } from '../../../src/policy-index/flat/postings.ts';
import { TextReader, TextWriter } from '../../../src/policy-index/flat/text.ts';
import { ValueReader, ValueWriter } from '../../../src/policy-index/flat/values.ts';
import type { Value } from '../../../src/policy-index/flat/values.ts';
import type { Dialect, Test } from '../../../src/policy/compile/predicate.ts';

/** The sets, with a reference for each. */
export function postingsOf(...sets: readonly (readonly number[])[]): {
  readonly postings: Postings;
  readonly references: readonly number[];
} {
  const writer = new PostingsWriter();
  const references = sets.map((set) => writer.write(set));
  const flat = new FlatWriter();
  writer.finish(flat);
  return { postings: new Postings(new FlatReader(flat.finish())), references };
}

/** The values, written one behind the other and read back. */
export function readBack(...values: readonly Value[]): readonly Value[] {
  const text = new TextWriter();
  const writer = new ValueWriter(text);
  const places = values.map((value) => writer.write(value));
  const flat = new FlatWriter();
  writer.finish(flat);
  text.finish(flat);
  const opened = new FlatReader(flat.finish());
  const reader = new ValueReader(opened, new TextReader(opened));
  return places.map((place) => reader.read(place));
}

export interface OpenPatterns {
  readonly reader: PatternReader;
  /** Of each test, in turn: the numbers of its patterns. */
  readonly numbers: readonly (readonly number[])[];
  readonly table: (number: number) => PatternTable;
}

/** Patterns of one field after the other, each in the table of its attribute. */
export function patternsOf(tests: readonly Test[], dialect: Dialect): OpenPatterns {
  const text = new TextWriter();
  const values = new ValueWriter(text);
  const postings = new PostingsWriter();
  const writer = new PatternWriter(text, postings);
  const numbers = tests.map(
    (test) => writer.patternsOf({ test, dialect, negated: false, field: '', wanted: [] }) ?? [],
  );
  const flat = new FlatWriter();
  const none = (): SetsWriter => new SetsWriter();
  writer.finish(flat, values, { wanted: none(), unwanted: none(), homes: none(), tokenlessHomes: none() });
  postings.finish(flat);
  values.finish(flat);
  text.finish(flat);
  const opened = new FlatReader(flat.finish());
  const texts = new TextReader(opened);
  const reader = new PatternReader(opened, texts, new ValueReader(opened, texts), new Postings(opened));
  return {
    reader,
    numbers,
    table: (number) => {
      const table = reader.table(number);
      if (table === null) throw new Error('no pattern of that attribute');
      return table;
    },
  };
}
