/** The end of what a file of the log holds: its last seal, or where it has none its last decision. */
export interface LastKnown {
  readonly stream: string;
  readonly batch: number;
  readonly seq: number;
  readonly hash: string;
}

const NOTHING: LastKnown = { stream: '', batch: 0, seq: 0, hash: '' };

export function lastKnownIn(content: Buffer): LastKnown {
  let end = content.length;
  let last: LastKnown = NOTHING;
  while (end > 0) {
    const start = content.lastIndexOf(0x0a, end - 2) + 1;
    const line = parse(content.toString('utf8', start, end));
    end = start;
    if (line === null) continue;
    const { msg, stream, seq, batch, to, hash } = line;
    if (msg === 'audit seal') return { stream: text(stream), batch: whole(batch), seq: whole(to), hash: text(hash) };
    // Of a file without seals the last line is as good as any.
    if (last === NOTHING) last = { stream: text(stream), batch: 0, seq: whole(seq), hash: '' };
  }
  return last;
}

function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function whole(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
