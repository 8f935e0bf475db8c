/**
 * A place in a configuration, there or not, that knows its way from the root. Fields are asked for by their protobuf names;
 * both forms that protobuf JSON knows are taken (`failure_mode_allow`, `failureModeAllow`). What has a form that
 * cannot be understood is a finding, and reads as absent.
 */
import type { Position } from '../lib/diagnostic.ts';
import { entryOf, positionOf } from '../policy/parse/node.ts';
import type { MapNode, Node } from '../policy/parse/node.ts';
import type { FaultCode } from './codes.ts';
import { durationMs } from './text/duration.ts';

/** Who is told what is wrong with a part. */
export interface FaultSink {
  add(code: FaultCode, part: Part, message: string): void;
}

export class Part {
  readonly findings: FaultSink;
  readonly #node: Node | null;
  readonly #parent: Part | null;
  /** Of a field its name as asked for, of an item its index, of a root the name of its document. */
  readonly #step: string | number;
  /** Offset of the key, where it has one. */
  readonly #keyStart: number | null;

  private constructor(
    findings: FaultSink,
    node: Node | null,
    parent: Part | null,
    step: string | number,
    keyStart: number | null,
  ) {
    this.findings = findings;
    // In protobuf JSON null is a field left out.
    this.#node = node?.kind === 'scalar' && node.value === null ? null : node;
    this.#parent = parent;
    this.#step = step;
    this.#keyStart = keyStart;
  }

  /** `path` is where the document stands, when it stands in another one. */
  static root(findings: FaultSink, node: Node, path = ''): Part {
    return new Part(findings, node, null, path, null);
  }

  get isThere(): boolean {
    return this.#node !== null;
  }

  get isMap(): boolean {
    return this.#node?.kind === 'map';
  }

  get node(): Node | null {
    return this.#node;
  }

  /** Where it is written; of what is not there, where its nearest ancestor is. */
  get position(): Position {
    if (this.#node === null) return this.#parent === null ? NOWHERE : this.#parent.position;
    return this.#keyStart === null ? positionOf(this.#node) : this.#node.source.position(this.#keyStart);
  }

  get path(): string {
    const above = this.#parent?.path ?? '';
    if (typeof this.#step === 'number') return `${above}[${this.#step}]`;
    const isName = this.#parent === null || /^[\w@-]+$/.test(this.#step);
    if (!isName) return `${above}[${JSON.stringify(this.#step)}]`;
    return above === '' ? this.#step : `${above}.${this.#step}`;
  }

  /** A field of a message, or a key of a map. */
  at(name: string): Part {
    const camel = camelCase(name);
    return this.#child(name, camel === name ? [name] : [name, camel]);
  }

  /** A field some messages below. */
  in(...names: readonly string[]): Part {
    return names.reduce<Part>((part, name) => part.at(name), this);
  }

  #child(step: string, keys: readonly string[]): Part {
    if (this.#node !== null && this.#node.kind !== 'map') {
      this.unknown('a map of fields');
      return new Part(this.findings, null, this, step, null);
    }
    const [first, second] = (this.#node === null ? [] : keys).flatMap(
      (key) => entryOf(this.#node as MapNode, key) ?? [],
    );
    if (first === undefined) return new Part(this.findings, null, this, step, null);
    const part = new Part(this.findings, first.value, this, step, first.keyStart);
    // Which of the two would count is for nobody to guess.
    if (second !== undefined) part.unknown('written once');
    return part;
  }

  /** The items of a list; none when it is absent. */
  items(): readonly Part[] {
    if (this.#node === null) return [];
    if (this.#node.kind !== 'list') {
      this.unknown('a list');
      return [];
    }
    return this.#node.items.map((item, index) => new Part(this.findings, item, this, index, null));
  }

  /** The values of a map by their keys as written. */
  entries(): readonly (readonly [string, Part])[] {
    if (this.#node === null) return [];
    if (this.#node.kind !== 'map') {
      this.unknown('a map');
      return [];
    }
    return this.#node.entries.map(({ key, value, keyStart }) => [
      key,
      new Part(this.findings, value, this, key, keyStart),
    ]);
  }

  text(): string | null {
    const value = this.#scalar('a text');
    return value === null || typeof value === 'string' ? value : String(value);
  }

  flag(): boolean | null {
    const value = this.#scalar('true or false');
    if (value === null || typeof value === 'boolean') return value;
    // As some templates write it, and some readers take it.
    if (value === 'true' || value === 'false') return value === 'true';
    return this.unknown('true or false');
  }

  /** Protobuf JSON writes 64-bit numbers as texts. */
  number(): number | null {
    const value = this.#scalar('a number');
    if (value === null || typeof value === 'number') return value;
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN;
    return Number.isFinite(number) ? number : this.unknown('a number');
  }

  /** In milliseconds. */
  duration(): number | null {
    const value = this.#scalar('a duration');
    if (value === null) return null;
    return durationMs(String(value)) ?? this.unknown('a duration such as `0.2s`');
  }

  /** A name of an enum, of whose values `names` are the first, in their order: a number stands for one of these. */
  word(names: readonly string[]): string | null {
    const value = this.#scalar('a word');
    if (value === null) return null;
    const name = typeof value === 'number' ? names[value] : String(value);
    return name !== undefined && names.includes(name) ? name : this.unknown(`one of ${names.join(', ')}`);
  }

  unknown(expected: string): null {
    this.findings.add('unknown-shape', this, `\`${this.path}\` is not ${expected}`);
    return null;
  }

  report(code: FaultCode, message: string): void {
    this.findings.add(code, this, message);
  }

  #scalar(expected: string): string | number | boolean | null {
    if (this.#node === null) return null;
    return this.#node.kind === 'scalar' ? this.#node.value : this.unknown(expected);
  }
}

const NOWHERE: Position = { file: '', line: 1, column: 1 };

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}
