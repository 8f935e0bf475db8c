/** Containment of path sets, templates too. */
import { literalPrefix, matchesTemplate } from '../../../matcher/path-template.ts';
import type { PathTemplate } from '../../../matcher/path-template.ts';
import { pathSetMatches } from '../../../matcher/path.ts';
import type { PathSet } from '../../../matcher/path.ts';
import type { StringMatcher } from '../../../matcher/string.ts';
import { areComparable, matchersOf, setsDisjoint, stringIncludes } from './strings.ts';

/** `raw`: paths are taken as they came, so that none holds a newline; a decoded form may. */
export function pathsInclude(wide: PathSet, narrow: PathSet, raw: boolean): boolean {
  return (
    areComparable(sizeOf(narrow), wide.strings.others.length + wide.templates.length) &&
    matchersOf(narrow.strings).every((matcher) => includesString(wide, matcher, raw)) &&
    narrow.templates.every((template) => includesTemplate(wide, template))
  );
}

function includesString(wide: PathSet, narrow: StringMatcher, raw: boolean): boolean {
  if (narrow.kind === 'exact') return pathSetMatches(wide, narrow.text);
  return (
    wide.strings.others.some((matcher) => stringIncludes(matcher, narrow, raw)) ||
    (narrow.kind === 'prefix' && wide.templates.some((template) => isAnythingBelow(template, narrow.text)))
  );
}

/** `literal{**}` with any byte: a prefix in other words. Envoy's alphabet has no `[`, which a prefix takes. */
function isAnythingBelow({ steps, alphabet }: PathTemplate, prefix: string): boolean {
  const [literal, rest] = steps;
  return (
    alphabet === 'any' &&
    steps.length === 2 &&
    literal!.kind === 'literal' &&
    rest!.kind === 'rest' &&
    prefix.startsWith(literal!.text)
  );
}

function includesTemplate(wide: PathSet, narrow: PathTemplate): boolean {
  const start = literalPrefix(narrow);
  const last = narrow.steps.at(-1);
  const end = last?.kind === 'literal' ? last.text : '';
  const byString = wide.strings.others.some((matcher) => {
    if (matcher.kind === 'prefix') return start.startsWith(matcher.text);
    if (matcher.kind === 'suffix') return end.endsWith(matcher.text);
    return matcher.kind === 'nonEmpty' && narrow.alphabet === 'envoy' && start !== '';
  });
  return byString || wide.templates.some((template) => templateIncludes(template, narrow));
}

type Token = string | typeof SEGMENT | typeof REST;
const SEGMENT = Symbol('{*}');
const REST = Symbol('{**}');

/** What stands between slashes; null for a template whose operators are no whole segments (validation refuses it). */
function tokensOf({ steps }: PathTemplate): readonly Token[] | null {
  const text = steps.map((step) => (step.kind === 'literal' ? step.text : step.kind === 'segment' ? '\0' : '\x01'));
  const tokens = text.join('').split('/');
  if (tokens.some((token) => token.length > 1 && /[\0\x01]/.test(token))) return null;
  return tokens.map((token) => (token === '\0' ? SEGMENT : token === '\x01' ? REST : token));
}

export function templateIncludes(wide: PathTemplate, narrow: PathTemplate): boolean {
  if (wide.alphabet !== narrow.alphabet) return false;
  const a = tokensOf(wide);
  const b = tokensOf(narrow);
  if (a === null || b === null) return false;
  const rest = a.indexOf(REST);
  if (rest < 0) return a.length === b.length && a.every((token, i) => tokenIncludes(token, b[i]!));
  const tail = a.slice(rest + 1);
  // `{**}` stands between two slashes, so that it takes one token at least, be it an empty one.
  if (b.length < rest + 1 + tail.length) return false;
  return (
    a.slice(0, rest).every((token, i) => tokenIncludes(token, b[i]!)) &&
    tail.every((token, i) => tokenIncludes(token, b[b.length - tail.length + i]!))
  );
}

function tokenIncludes(wide: Token, narrow: Token): boolean {
  if (wide === SEGMENT) return narrow === SEGMENT || (typeof narrow === 'string' && narrow !== '');
  return wide === narrow;
}

function sizeOf({ strings, templates }: PathSet): number {
  return strings.exact.size + strings.others.length + templates.length;
}

export function pathsDisjoint(a: PathSet, b: PathSet): boolean {
  return (
    areComparable(sizeOf(a), sizeOf(b)) &&
    setsDisjoint(a.strings, b.strings) &&
    templatesAvoid(a.templates, b) &&
    templatesAvoid(b.templates, { ...a, templates: [] })
  );
}

/** Only literal paths can be told apart from a template, and what begins otherwise. */
function templatesAvoid(templates: readonly PathTemplate[], { strings, templates: others }: PathSet): boolean {
  return templates.every(
    (template) =>
      matchersOf(strings).every((matcher) => {
        if (matcher.kind === 'exact') return !matchesTemplate(template, matcher.text);
        return matcher.kind === 'prefix' && beginDifferently(literalPrefix(template), matcher.text);
      }) && others.every((other) => beginDifferently(literalPrefix(template), literalPrefix(other))),
  );
}

function beginDifferently(a: string, b: string): boolean {
  return !a.startsWith(b) && !b.startsWith(a);
}
