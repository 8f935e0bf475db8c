/** Texts and blocks as YAML. */

/** A word, path, name or IPv4 address that no reader of YAML takes for anything but a text. */
const PLAIN = /^(?:[/A-Za-z][\w./-]*|\d+\.\d+\.\d+\.\d+)$/;

const WORDS = /^(?:true|false|yes|no|on|off|null|y|n)$/i;

/** Strings of JSON are strings of YAML. */
export function yamlText(text: string): string {
  return PLAIN.test(text) && !WORDS.test(text) ? text : JSON.stringify(text);
}

/** The lines of a block further in. */
export function indented(block: string, spaces: number): string {
  const before = ' '.repeat(spaces);
  return block.replace(/^(?=.)/gm, before);
}

export function seconds(ms: number): string {
  return `${ms / 1000}s`;
}
