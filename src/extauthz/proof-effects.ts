/** What the proof of who asks changes in the request that goes on: headers from its claims, and the proof taken out. */
import { isUtf8 } from '../attributes/bytes.ts';
import type { HeaderLines } from '../attributes/header-lines.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { IdentityOutcome } from '../identity/authenticator.ts';
import { otherSpellings } from '../pdp/obligations.ts';
import type { Field } from '../pdp/obligations.ts';

export interface ProofEffects {
  readonly setHeaders: readonly Field[];
  readonly removeHeaders: readonly string[];
  readonly removeQuery: readonly string[];
  /** Tells effects apart: part of the keys of whatever is kept. */
  readonly text: string;
}

export const NO_EFFECTS: ProofEffects = Object.freeze({ setHeaders: [], removeHeaders: [], removeQuery: [], text: '' });

/** Of proofs that are kept, those that are the same whatever else is in the request. */
const known = new WeakMap<IdentityOutcome, ProofEffects>();

export function proofEffects(outcome: IdentityOutcome, request: RequestAttributes): ProofEffects {
  const { strip, set } = outcome;
  const isNothing = set.length + strip.headers.length + strip.params.length + strip.cookies.length === 0;
  if (isNothing) return NO_EFFECTS;
  let effects = known.get(outcome);
  if (effects !== undefined) return effects;
  effects = effectsOf(outcome, request);
  if (strip.cookies.length === 0 && strip.params.length === 0) known.set(outcome, effects);
  return effects;
}

function effectsOf({ strip, set }: IdentityOutcome, request: RequestAttributes): ProofEffects {
  const setHeaders: Field[] = [...set];
  const removeHeaders = [...strip.headers];
  if (strip.cookies.length > 0) {
    const left = withoutCookies(request.header('cookie'), strip.cookies);
    // What is no UTF-8 cannot be said in an answer: then no cookie goes on.
    if (left === '' || !isUtf8(left)) removeHeaders.push('cookie');
    else setHeaders.push(['cookie', left]);
  }
  const removeQuery = [...strip.params, ...otherSpellings(strip.params, request.query)];
  const text = JSON.stringify([setHeaders, removeHeaders, removeQuery]);
  return { setHeaders, removeHeaders, removeQuery, text };
}

/** The cookies that are left, as one line (RFC 6265 §5.4). Every cookie of these names goes, however often it is there. */
export function withoutCookies(header: HeaderLines, names: readonly string[]): string {
  const lines = header.form === 'joined' ? [header.value] : header.lines;
  return lines
    .flatMap((line) => line.split(';'))
    .map((pair) => pair.replaceAll(/^[ \t]+|[ \t]+$/g, ''))
    .filter((pair) => pair !== '' && !names.includes(nameOf(pair)))
    .join('; ');
}

function nameOf(pair: string): string {
  const end = pair.indexOf('=');
  return (end < 0 ? pair : pair.slice(0, end)).replace(/[ \t]+$/, '');
}
