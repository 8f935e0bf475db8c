/** What was seen of the answers: latencies in a histogram of three digits, counts, and the first that were wrong. */
import { createHistogram } from 'node:perf_hooks';
import type { PreparedRequest } from './prepared-request.ts';

/** Wrong answers that are told one by one. */
const WRONG_KEPT = 5;
const MAX_LATENCY_NS = 120e9;

export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly mean: number;
}

export interface WrongAnswer {
  /** Which of the requests, from 0. */
  readonly request: number;
  readonly expected: 'allow' | 'deny';
  /** The code in the answer's status; -1: it could not be read. */
  readonly code: number;
}

/** Of what was measured, not of the warm-up. */
export interface Figures {
  readonly seconds: number;
  /** Right and wrong ones. */
  readonly answers: number;
  readonly perSecond: number;
  readonly allowed: number;
  readonly denied: number;
  readonly wrong: number;
  readonly wrongOnes: readonly WrongAnswer[];
  /** Calls that ended with an error, or never, by what it was. */
  readonly errors: Readonly<Record<string, number>>;
  readonly errorCount: number;
  /** Microseconds; with a rate, from the moment at which a request was due. */
  readonly latencyUs: Latency;
  /** Calls that a server which was leaving had not looked at, and that were asked again elsewhere. */
  readonly askedAgain: number;
  /** Beside the first ones. */
  readonly newConnections: number;
  /** By which the generator itself was late at worst, where there was a call to begin and room for it. */
  readonly latestMs: number;
  /** CPU time of the generator for each answer. With a rate it also counts its waiting, which is busy. */
  readonly ownCpuUs: number;
  /** The server's, where its process is known. */
  readonly server: { readonly cpuUs: number; readonly rssBytes: number; readonly peakRssBytes: number } | null;
}

export class Counts {
  readonly #latencyNs = createHistogram({ lowest: 1, highest: MAX_LATENCY_NS, figures: 3 });
  readonly #errors = new Map<string, number>();
  readonly #wrongOnes: WrongAnswer[] = [];
  allowed = 0;
  denied = 0;
  wrong = 0;
  askedAgain = 0;
  newConnections = 0;
  latestMs = 0;

  get answers(): number {
    return this.allowed + this.denied;
  }

  answer(request: number, prepared: PreparedRequest, code: number, latencyMs: number): void {
    const isAllowed = code === 0;
    if (isAllowed) this.allowed++;
    else this.denied++;
    this.#latencyNs.record(Math.max(1, Math.round(latencyMs * 1e6)));
    if (code >= 0 && (prepared.allowed === null || prepared.allowed === isAllowed)) return;
    this.wrong++;
    const expected = prepared.allowed === false ? 'deny' : 'allow';
    if (this.#wrongOnes.length < WRONG_KEPT) this.#wrongOnes.push({ request, expected, code });
  }

  error(why: string, count = 1): void {
    this.#errors.set(why, (this.#errors.get(why) ?? 0) + count);
  }

  figures(seconds: number, completed: number, ownCpuSeconds: number, server: Figures['server']): Figures {
    const us = (percentile: number): number => this.#latencyNs.percentile(percentile) / 1000;
    const none = this.#latencyNs.count === 0;
    const { answers, allowed, denied, wrong, askedAgain, newConnections, latestMs } = this;
    return {
      seconds,
      answers,
      perSecond: completed / seconds,
      allowed,
      denied,
      wrong,
      wrongOnes: this.#wrongOnes,
      errors: Object.fromEntries(this.#errors),
      errorCount: [...this.#errors.values()].reduce((sum, count) => sum + count, 0),
      latencyUs: {
        p50: us(50),
        p90: us(90),
        p99: us(99),
        p999: us(99.9),
        max: none ? 0 : this.#latencyNs.max / 1000,
        mean: none ? 0 : this.#latencyNs.mean / 1000,
      },
      askedAgain,
      newConnections,
      latestMs,
      ownCpuUs: (ownCpuSeconds * 1e6) / Math.max(1, completed),
      server,
    };
  }
}
