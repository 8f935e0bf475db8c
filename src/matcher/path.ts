import { decodeOnce, encodePath } from '../attributes/path.ts';
import { isTemplate, matchesTemplate, pathTemplate } from './path-template.ts';
import type { PathTemplate } from './path-template.ts';
import { stringMatcher } from './string.ts';
import { valueSet, valueSetMatches } from './value-set.ts';
import type { ValueSet } from './value-set.ts';

export interface PathSet {
  readonly strings: ValueSet;
  readonly templates: readonly PathTemplate[];
}

/** `paths` of an AuthorizationPolicy: as Istio and Envoy read them. */
export function istioPathSet(values: readonly string[]): PathSet {
  return {
    strings: valueSet(values.filter((value) => !isTemplate(value)).map((value) => stringMatcher(value, 'nonEmpty'))),
    templates: values.filter(isTemplate).map((value) => pathTemplate(value, 'envoy')),
  };
}

/**
 * `paths` of an AccessPolicy: they meet every reading of a path, so each value stands for its own
 * readings too: as written, percent-decoded, and percent-encoded (`/café` and `/caf%C3%A9` are one).
 */
export function accessPathSet(values: readonly string[]): PathSet {
  const spellings = new Set<string>();
  for (const value of values) {
    spellings.add(value);
    const decoded = decodeOnce(value);
    if (decoded === null) continue;
    // A decoded `*` or `{` would turn a literal into a wildcard: such a value stays as written.
    if (count(decoded, '*') !== count(value, '*') || count(decoded, '{') !== count(value, '{')) continue;
    spellings.add(decoded);
    const encoded = encodeBetweenOperators(decoded);
    spellings.add(encoded);
    spellings.add(encoded.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()));
  }
  const all = [...spellings];
  return {
    strings: valueSet(all.filter((value) => !isTemplate(value)).map((value) => stringMatcher(value, 'nonEmpty'))),
    templates: all.filter(isTemplate).map((value) => pathTemplate(value, 'any')),
  };
}

function encodeBetweenOperators(value: string): string {
  return value
    .split(/(\{\*\*?\})/)
    .map((piece) => (/^\{\*\*?\}$/.test(piece) ? piece : encodePath(piece)))
    .join('');
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

export function pathSetMatches(set: PathSet, path: string): boolean {
  if (valueSetMatches(set.strings, path)) return true;
  for (const template of set.templates) if (matchesTemplate(template, path)) return true;
  return false;
}
