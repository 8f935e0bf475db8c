/** A whole log: every stream by itself, and how they follow one another. */
import type { VerifyKey } from '../seal.ts';
import { logLineOf } from './log-line.ts';
import { Ranges } from './ranges.ts';
import type { AuditReport, Loss, UncleanEnd } from './report.ts';
import { StreamCheck } from './stream.ts';
import type { Statement } from './stream.ts';

export interface LogFile {
  readonly name: string;
  readonly content: Buffer;
}

/** What streams say of each other. */
interface Attested {
  readonly seqs: Ranges;
  readonly batches: Ranges;
  /** What was removed with a file: up to here. */
  retiredBatch: number;
  retiredSeq: number;
}

/** `files` in their order: a stream may go on from one to the next. One sink's at a time. */
export function verifyLog(files: Iterable<LogFile>, key: VerifyKey | null): AuditReport {
  const streams = new Map<string, StreamCheck>();
  let otherLines = 0;
  for (const { name, content } of files) {
    let number = 0;
    for (let at = 0; at < content.length;) {
      const feed = content.indexOf(0x0a, at);
      const end = feed < 0 ? content.length : feed + 1;
      const bytes = content.subarray(at, end);
      at = end;
      number += 1;
      // A line that was cut off is none.
      const line = feed < 0 ? null : logLineOf(bytes.toString('utf8'));
      if (line === null) {
        otherLines += 1;
        continue;
      }
      let check = streams.get(line.stream);
      if (check === undefined) streams.set(line.stream, (check = new StreamCheck(line.stream, key)));
      check.add(line, bytes, name, `${name}:${number}`);
    }
  }
  const checks = [...streams.values()].sort((a, b) => (startOf(a.stream) < startOf(b.stream) ? -1 : 1));
  for (const check of checks) check.finish();
  const statements = checks.flatMap((check) => check.statements);
  const attested = attestedBy(statements);
  const followed = new Set<string>();
  for (const check of checks) {
    const previous = check.begin?.previous ?? null;
    if (previous !== null) followed.add(previous.stream);
    checkStart(check, attested.get(check.stream));
    checkLink(check, checks, streams, attested);
  }
  checkWorkers(checks);
  return {
    good: checks.length > 0 && checks.every(({ problems }) => problems.length === 0),
    keyed: key !== null,
    streams: checks.map((check) => check.report(followed.has(check.stream))),
    problems: checks.flatMap(({ problems }) => problems),
    losses: statements.flatMap((each) => lossOf(each)),
    uncleanEnds: statements.flatMap((each) => uncleanEndOf(each)),
    retired: statements.flatMap((each) => (each.msg === 'audit retired' ? [each.file] : [])),
    otherLines,
  };
}

function attestedBy(statements: readonly Statement[]): ReadonlyMap<string, Attested> {
  const all = new Map<string, Attested>();
  const of = (stream: string): Attested => {
    let known = all.get(stream);
    if (known === undefined) {
      known = { seqs: new Ranges(), batches: new Ranges(), retiredBatch: 0, retiredSeq: 0 };
      all.set(stream, known);
    }
    return known;
  };
  for (const each of statements) {
    if (each.msg === 'audit gap') {
      of(each.of).seqs.add(each.from, each.to);
      if (each.batches !== null) of(each.of).batches.add(...each.batches);
    }
    if (each.msg === 'audit retired') {
      const known = of(each.of);
      known.retiredBatch = Math.max(known.retiredBatch, each.batch);
      known.retiredSeq = Math.max(known.retiredSeq, each.seq);
    }
  }
  return all;
}

const NOTHING: Attested = { seqs: new Ranges(), batches: new Ranges(), retiredBatch: 0, retiredSeq: 0 };

function checkStart(check: StreamCheck, attested: Attested = NOTHING): void {
  const { retiredBatch, retiredSeq } = attested;
  const hasBegin = check.begin !== null || attested.batches.has(1);
  if (!hasBegin && retiredBatch === 0 && retiredSeq === 0) {
    check.problem('cut-start', 'its first lines are not there');
  }
  check.checkHoles(attested, retiredBatch + 1, retiredSeq + 1);
}

/** That the stream before it is there, up to where this one knows of it. */
function checkLink(
  check: StreamCheck,
  all: readonly StreamCheck[],
  streams: ReadonlyMap<string, StreamCheck>,
  attested: ReadonlyMap<string, Attested>,
): void {
  const { begin } = check;
  if (begin === null) return;
  const { previous } = begin;
  if (previous === null) {
    const earlier = all.find(
      (other) => other !== check && isSameWriter(other, check) && startOf(other.stream) < startOf(check.stream),
    );
    if (earlier !== undefined) {
      check.problem('unlinked-stream', `it says that nothing was before it, and there is ${earlier.stream}`);
    }
    return;
  }
  const before = streams.get(previous.stream);
  if (before === undefined) {
    const { retiredBatch, retiredSeq } = attested.get(previous.stream) ?? NOTHING;
    const isRetired =
      previous.batch > 0 ? retiredBatch >= previous.batch : retiredSeq >= previous.seq && retiredSeq > 0;
    if (!isRetired) check.problem('missing-stream', `it follows ${previous.stream}, which is not there`);
    return;
  }
  const { batches = new Ranges() } = attested.get(previous.stream) ?? {};
  if (previous.batch > 0) {
    const known = before.batches.get(previous.batch);
    if (known === undefined && !batches.has(previous.batch)) {
      before.problem(
        'cut-end',
        `its last batch is ${before.lastBatch}, and ${check.stream} knows of batch ${previous.batch} (decisions up to ${previous.seq})`,
      );
    } else if (known !== undefined && known.hash !== previous.hash) {
      before.problem('changed', `batch ${previous.batch} is not the one that ${check.stream} follows`);
    }
  } else if (before.lastSeq < previous.seq && !(attested.get(previous.stream)?.seqs.has(previous.seq) ?? false)) {
    before.problem('cut-end', `its last decision is ${before.lastSeq}, and ${check.stream} knows of ${previous.seq}`);
  }
  if (previous.clean && !before.isEnded && before.problems.length === 0) {
    before.problem('cut-end', `it was ended in order, says ${check.stream}, and its end is not there`);
  }
}

function isSameWriter(a: StreamCheck, b: StreamCheck): boolean {
  return (
    a.begin !== null &&
    b.begin !== null &&
    a.begin.instance === b.begin.instance &&
    a.begin.worker === b.begin.worker &&
    a.begin.sink === b.begin.sink
  );
}

/** Each process of an instance begins with a line of its own, whether it has anything to record or not. */
function checkWorkers(checks: readonly StreamCheck[]): void {
  const there = new Set(checks.map(({ stream }) => stream.slice(0, stream.lastIndexOf('/'))));
  const told = new Set<string>();
  for (const check of checks) {
    const { begin } = check;
    if (begin === null) continue;
    for (let worker = 0; worker < begin.workers; worker++) {
      const writer = `${begin.instance}/${worker}`;
      if (there.has(writer) || told.has(writer)) continue;
      told.add(writer);
      check.problem('missing-worker', `its instance has ${begin.workers} processes, and nothing of ${writer} is there`);
    }
  }
}

function startOf(stream: string): string {
  return stream.slice(stream.lastIndexOf('/') + 1);
}

function lossOf(each: Statement): readonly Loss[] {
  if (each.msg !== 'audit gap') return [];
  const { of: stream, reason, from, to, records } = each;
  return [{ stream, reason, from, to, records }];
}

function uncleanEndOf(each: Statement): readonly UncleanEnd[] {
  if (each.msg !== 'audit unclean end') return [];
  const { of: stream, lastSeq, since, until, flushMs } = each;
  return [{ stream, lastSeq, since, until, flushMs }];
}
