/** One header line as sent or seen. Names are compared in lower case. */
export type HeaderLine = readonly [name: string, value: string];

/** All values of `name`, in order; several lines give several values. */
export function valuesOf(headers: readonly HeaderLine[], name: string): string[] {
  return headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

/** Node's flat `[name, value, name, value]` form as lines. */
export function linesOf(flat: readonly string[]): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    lines.push([flat[index] ?? '', flat[index + 1] ?? '']);
  }
  return lines;
}
