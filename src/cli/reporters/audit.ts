/** What verifying a decision log has found, for people and for programs. */
import { rangeText } from '../../audit/verify/ranges.ts';
import type { AuditReport, StreamReport } from '../../audit/verify/report.ts';
import { visibleText } from '../../lib/visible-text.ts';
import type { Painter } from '../terminal.ts';

export function auditJson(report: AuditReport): string {
  return `${JSON.stringify(report)}\n`;
}

export function auditText(report: AuditReport, paint: Painter): string {
  const lines: string[] = [];
  for (const stream of report.streams) lines.push(...streamLines(stream));
  for (const { stream, reason, from, to, records } of report.losses) {
    const which = from <= to ? ` (${rangeText([from, to])})` : '';
    lines.push(`lost as the log says: ${counted(records, 'decision')}${which} of ${visibleText(stream)}, ${reason}`);
  }
  for (const { stream, lastSeq, since, until, flushMs } of report.uncleanEnds) {
    lines.push(
      `not ended as the log says: ${visibleText(stream)}, known up to decision ${lastSeq}; what it decided between ${since} and ${until} may be lost (flushed every ${flushMs} ms)`,
    );
  }
  for (const file of report.retired) lines.push(`removed for its age as the log says: ${visibleText(file)}`);
  for (const { code, stream, message, place } of report.problems) {
    const where = place === null ? '' : ` (${visibleText(place)})`;
    lines.push(`${paint('red', code)} ${visibleText(stream)}: ${visibleText(message)}${where}`);
  }
  lines.push(verdict(report, paint));
  return `${lines.join('\n')}\n`;
}

function streamLines({ stream, records, firstSeq, lastSeq, batches, key, ...rest }: StreamReport): readonly string[] {
  const which = firstSeq === null || lastSeq === null ? '' : ` (${rangeText([firstSeq, lastSeq])})`;
  const sealed = key === null ? 'not sealed' : `${counted(batches, 'batch')} sealed by key ${visibleText(key)}`;
  const ends = {
    ended: 'ended in order',
    unclean: 'not ended in order',
    open: 'not ended: there may have been more',
  }[rest.end];
  const proven = rest.provenUntil === null ? '' : `, proven until ${visibleText(rest.provenUntil)}`;
  const more = rest.unsealedLines === 0 ? '' : `, ${counted(rest.unsealedLines, 'line')} behind the last seal`;
  return [`${visibleText(stream)}: ${counted(records, 'decision')}${which}, ${sealed}, ${ends}${proven}${more}`];
}

function verdict({ good, keyed, streams, problems }: AuditReport, paint: Painter): string {
  if (streams.length === 0) return paint('red', 'no line of a decision log is there');
  if (!good) return paint('red', `not good: ${counted(problems.length, 'problem')}`);
  const decisions = streams.reduce((sum, { records }) => sum + records, 0);
  const isSealed = streams.every(({ key }) => key !== null);
  const proof = keyed
    ? ''
    : isSealed
      ? ', but no key was given: whoever changed the log could have sealed it anew'
      : ', by numbers alone: what is not sealed can be changed';
  return paint('green', `good: ${counted(decisions, 'decision')} in ${counted(streams.length, 'stream')}${proof}`);
}

function counted(count: number, what: string): string {
  const plural = what.endsWith('ch') ? `${what}es` : `${what}s`;
  return `${count} ${count === 1 ? what : plural}`;
}
