/** One stream, line by line as it stands in the files, checked by its seals and its numbers. */
import { chainHash, FIRST_HASH, sealedText } from '../seal.ts';
import type { VerifyKey } from '../seal.ts';
import type { BeginLine, LogLine, SealLine } from './log-line.ts';
import { Ranges, rangeText } from './ranges.ts';
import type { Problem, ProblemCode, StreamReport } from './report.ts';

interface Pending {
  readonly line: LogLine;
  /** With its line feed. */
  readonly bytes: Buffer;
  readonly file: string;
}

export interface KnownBatch {
  readonly hash: string;
  readonly previous: string;
}

/** What other streams have to know: only of lines that their seal holds, where the stream is sealed. */
export type Statement = Exclude<LogLine, { readonly msg: 'decision' | 'audit seal' }>;

export class StreamCheck {
  readonly stream: string;
  readonly problems: Problem[] = [];
  readonly statements: Statement[] = [];
  readonly batches = new Map<number, KnownBatch>();
  begin: BeginLine | null = null;
  readonly #key: VerifyKey | null;
  #pending: Pending[] = [];
  readonly #seqs = new Ranges();
  readonly #batchNumbers = new Ranges();
  #records = 0;
  #firstSeq: number | null = null;
  #lastSeq: number | null = null;
  #lastBatch = 0;
  #endSeq: number | null = null;
  #keyId: string | null = null;
  #provenUntil: string | null = null;

  constructor(stream: string, key: VerifyKey | null) {
    this.stream = stream;
    this.#key = key;
  }

  get isEnded(): boolean {
    return this.#endSeq !== null;
  }

  get lastBatch(): number {
    return this.#lastBatch;
  }

  get lastSeq(): number {
    return this.#lastSeq ?? 0;
  }

  get isSealed(): boolean {
    return this.batches.size > 0 || (this.begin?.method ?? 'none') !== 'none';
  }

  add(line: LogLine, bytes: Buffer, file: string, place: string): void {
    if (line.msg === 'audit seal') this.#seal(line, file, place);
    else this.#pending.push({ line, bytes, file });
  }

  /** No line of it comes any more: what was never sealed is taken as it is where nothing is sealed. */
  finish(): void {
    if (this.batches.size > 0) return;
    const isUnsealed = this.#pending.every(({ line }) => line.msg !== 'audit begin' || line.method === 'none');
    if (!isUnsealed) return;
    for (const { line, file } of this.#pending) this.#accept(line, file);
    this.#pending = [];
    if (this.#key !== null) this.#problem('not-sealed', 'nothing of it is sealed, and there is a key', null);
  }

  /** Which numbers of decisions and batches are missing, when what others say of this stream is known. */
  checkHoles(
    attested: { readonly seqs: Ranges; readonly batches: Ranges },
    firstBatch: number,
    firstSeq: number,
  ): void {
    const missing = this.#batchNumbers
      .holes(firstBatch, this.#lastBatch)
      .filter(([first, last]) => !attested.batches.hasAll(first, last));
    for (const range of missing) this.#problem('missing', `batch ${rangeText(range)} is not there`, null);
    // Their decisions are missing with them.
    if (missing.length > 0) return;
    const until = Math.max(this.#lastSeq ?? 0, this.#endSeq ?? 0);
    for (const [first, last] of this.#seqs.holes(firstSeq, until)) {
      for (const hole of attested.seqs.holes(first, last)) {
        this.#problem('missing', `decision ${rangeText(hole)} is not there`, null);
      }
    }
  }

  report(isFollowed: boolean): StreamReport {
    return {
      stream: this.stream,
      sink: this.begin?.sink ?? null,
      records: this.#records,
      firstSeq: this.#firstSeq,
      lastSeq: this.#lastSeq,
      batches: this.batches.size,
      key: this.#keyId,
      end: this.isEnded ? 'ended' : isFollowed ? 'unclean' : 'open',
      provenUntil: this.#provenUntil,
      unsealedLines: this.#pending.length,
    };
  }

  problem(code: ProblemCode, message: string, place: string | null = null): void {
    this.#problem(code, message, place);
  }

  #problem(code: ProblemCode, message: string, place: string | null): void {
    this.problems.push({ code, stream: this.stream, message, place });
  }

  #seal(seal: SealLine, file: string, place: string): void {
    const lines = this.#sealedLines(seal, file);
    this.#pending = [];
    const known = this.batches.get(seal.batch);
    const name = `batch ${seal.batch}`;
    if (lines === null) {
      this.#problem('changed', `the lines of ${name} are not those that were sealed`, place);
    }
    if (!this.#isSigned(seal, name, place)) return;
    if (known !== undefined) {
      const code = known.hash === seal.hash ? 'duplicate' : 'changed';
      this.#problem(code, known.hash === seal.hash ? `${name} is there twice` : `there are two of ${name}`, place);
      return;
    }
    if (seal.batch < this.#lastBatch)
      this.#problem('reordered', `${name} stands behind batch ${this.#lastBatch}`, place);
    const before = seal.batch === 1 ? FIRST_HASH : this.batches.get(seal.batch - 1)?.hash;
    const after = this.batches.get(seal.batch + 1)?.previous;
    if ((before !== undefined && before !== seal.previous) || (after !== undefined && after !== seal.hash)) {
      this.#problem('changed', `${name} does not follow the one before it`, place);
    }
    if (this.isEnded) this.#problem('after-end', `${name} stands behind the end of the stream`, place);
    this.batches.set(seal.batch, { hash: seal.hash, previous: seal.previous });
    this.#batchNumbers.add(seal.batch, seal.batch);
    this.#lastBatch = Math.max(this.#lastBatch, seal.batch);
    this.#keyId = seal.key;
    if (this.#provenUntil === null || seal.time > this.#provenUntil) this.#provenUntil = seal.time;
    if (lines === null) {
      // They are accounted for: what is wrong with them was said.
      this.#seqs.add(seal.from, seal.to);
      this.#lastSeq = Math.max(this.#lastSeq ?? 0, seal.to);
      return;
    }
    for (const { line, file: where } of lines) this.#accept(line, where);
  }

  /**
   * null: they are not those that were sealed. A process that was killed leaves lines without a seal in its last file,
   * and its next one may hold them again: those before this file do not count then.
   */
  #sealedLines(seal: SealLine, file: string): readonly Pending[] | null {
    const here = this.#pending.filter((each) => each.file === file);
    for (const lines of here.length === this.#pending.length ? [here] : [this.#pending, here]) {
      if (chainHash(seal.previous, Buffer.concat(lines.map(({ bytes }) => bytes))) === seal.hash) return lines;
    }
    return null;
  }

  #isSigned(seal: SealLine, name: string, place: string): boolean {
    const key = this.#key;
    if (key === null) return true;
    if (seal.key !== key.id || seal.method !== key.method) {
      this.#problem('other-key', `${name} is sealed with the key ${seal.key} (${seal.method})`, place);
      return false;
    }
    if (key.verifies(sealedText(seal), seal.signature)) return true;
    this.#problem('forged-seal', `the seal of ${name} is not of the key`, place);
    return false;
  }

  #accept(line: LogLine, place: string): void {
    switch (line.msg) {
      case 'decision':
        this.#decision(line.seq, place);
        break;
      case 'audit seal':
        break;
      case 'audit begin':
        this.begin ??= line;
        this.statements.push(line);
        break;
      case 'audit end':
        this.#endSeq = line.seq;
        this.statements.push(line);
        break;
      default:
        this.statements.push(line);
    }
  }

  #decision(seq: number, place: string): void {
    if (this.#seqs.has(seq)) this.#problem('duplicate', `decision ${seq} is there twice`, place);
    else if (seq < (this.#lastSeq ?? 0) && !this.isSealed) {
      this.#problem('reordered', `decision ${seq} stands behind decision ${this.#lastSeq}`, place);
    }
    if (this.isEnded && !this.isSealed) {
      this.#problem('after-end', `decision ${seq} stands behind the end of the stream`, place);
    }
    this.#seqs.add(seq, seq);
    this.#records += 1;
    this.#firstSeq = Math.min(this.#firstSeq ?? seq, seq);
    this.#lastSeq = Math.max(this.#lastSeq ?? 0, seq);
  }
}
