/** Counts of a run, and the table in which they are shown. */

/** Of one file in one form. */
export interface Tally {
  agreed: number;
  /** Denied here and allowed by Envoy, by reason. */
  readonly closed: Map<string, number>;
  /** Allowed here and denied by Envoy. */
  opened: number;
}

export function newTally(): Tally {
  return { agreed: 0, closed: new Map(), opened: 0 };
}

export function countIn(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export const COLUMNS = ['file', 'form', 'sets', 'requests', 'agree', 'denied for allow', 'opened', 'known gaps'];

interface Counts {
  readonly sets: number;
  readonly requests: number;
  readonly refused: readonly string[];
  readonly lines: Tally;
  readonly joined: Tally;
}

/** One row a form. */
export function rowsOf(file: string, { sets, requests, refused, lines, joined }: Counts): string[][] {
  return Object.entries({ lines, joined }).map(([form, { agreed, closed, opened }]) => [
    file,
    form,
    ...[sets, requests, agreed].map(String),
    closedText(closed),
    ...[opened, refused.length].map(String),
  ]);
}

function closedText(closed: ReadonlyMap<string, number>): string {
  const reasons = [...closed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([reason, count]) => `${count} ${reason}`);
  return reasons.length === 0 ? '0' : reasons.join(', ');
}

/** Columns one below the other. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
