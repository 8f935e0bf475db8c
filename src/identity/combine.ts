/** One outcome of what RequestAuthentication rules and IdentityProviders say: never of two callers at once. */
import type { IstioOutcome } from './combine-istio.ts';
import type { StrictOutcome } from './combine-strict.ts';
import type { Authenticated } from './proof.ts';
import { areOfOneCaller } from './vouched.ts';
import type { Vouched } from './vouched.ts';

export interface Combined {
  readonly result: Authenticated;
  /** All who vouch, the one whose claims count first; empty unless verified. */
  readonly vouched: readonly Vouched[];
}

/**
 * Invalid outweighs unavailable, which outweighs verified, which outweighs none. A token that is of no issuer of the one
 * kind and good for the other is no mistake: it was looked for in a place that both kinds use.
 */
export function combine(istio: IstioOutcome, strict: StrictOutcome): Combined {
  if (strict.refused !== null) return without(strict.refused);
  // Also what cannot be told yet: it is the other kind's to tell.
  const theirs = new Set(
    strict.values
      .filter(({ vouched, flaw }) => vouched.length > 0 || flaw.outcome === 'unavailable')
      .map(({ value }) => value),
  );
  const flaws = strict.values
    .filter(
      ({ value, vouched, isForeign }) =>
        vouched.length === 0 && !(isForeign && istio.vouched?.values.includes(value) === true),
    )
    .map(({ flaw }) => flaw);
  if (istio.vouched === null && istio.result.outcome !== 'none' && !istio.isOfOthers(theirs))
    flaws.unshift(istio.result);
  const flaw = flaws.find(({ outcome }) => outcome === 'invalid') ?? flaws[0];
  if (flaw !== undefined) return without(flaw);

  const vouched = strict.values.flatMap((each) => each.vouched);
  if (istio.vouched !== null) vouched.push(istio.vouched);
  const [speaker, ...others] = vouched;
  if (speaker === undefined) return without({ outcome: 'none' });
  if (!others.every((other) => areOfOneCaller(speaker, other))) {
    return without({
      outcome: 'invalid',
      error: 'invalid_request',
      description: 'the request carries proofs of different callers',
    });
  }
  if (others.length === 0) return { result: speaker.proof, vouched };
  const untilMs = Math.min(...vouched.map(({ proof }) => proof.untilMs));
  return { result: { ...speaker.proof, untilMs }, vouched };
}

function without(result: Authenticated): Combined {
  return { result, vouched: [] };
}
