/** Markdown as the generated parts of docs/ have it. */

export type Row = readonly string[];

export function code(text: string): string {
  return `\`${text}\``;
}

/** A `|` would end its cell. */
export function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
