/** What the primary and its workers say to each other, over the channel that Node opens between parent and child. */
import type { Answers, Question } from '../../admin/observe/questions.ts';
import type { ServiceConfig } from '../../config/config.ts';
import type { ProofUse } from '../../identity/jwt/used-proofs.ts';
import type { RuleHits } from '../../telemetry/rule-hits.ts';
import type { DataPlaneReading } from '../data-plane.ts';

/** Beside them: connections come as `connection` with their handle, snapshots on a pipe of their own (snapshot-pipe.ts). */
export type ToWorker =
  | ({ readonly kind: 'begin' } & Beginning)
  | { readonly kind: 'connection' }
  /** Snapshots are counted as they come, from 1. */
  | { readonly kind: 'use'; readonly number: number }
  | { readonly kind: 'read'; readonly id: number }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  /** Answers `proof`. */
  | { readonly kind: 'proofUse'; readonly id: number; readonly use: ProofUse }
  | { readonly kind: 'drain'; readonly timeoutMs: number };

/** What a worker is to know of itself. */
export interface Beginning {
  readonly config: ServiceConfig;
  /** Of the program. */
  readonly version: string;
  /** From 0; that of a worker which has ended is given again. */
  readonly number: number;
  /** How many there are to be. */
  readonly processes: number;
}

export type FromWorker =
  /** It can take connections, and denies every check until it has a snapshot. */
  | { readonly kind: 'begun' }
  /** It cannot begin: for the operator. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'prepared'; readonly number: number }
  | { readonly kind: 'unusable'; readonly number: number; readonly message: string }
  | { readonly kind: 'using'; readonly number: number }
  | ({ readonly kind: 'beat' } & Beat)
  /** `ruleHits`: since the one before; all else since the start. */
  | {
      readonly kind: 'reading';
      readonly id: number;
      readonly reading: DataPlaneReading;
      readonly ruleHits: readonly RuleHits[];
    }
  /** To `ask`; null: it could not be answered. */
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answers[Question['kind']] | null }
  | { readonly kind: 'proof'; readonly id: number; readonly thumbprint: string; readonly jti: string };

/** How busy a worker is. */
export interface Beat {
  /** Connections that were handed to it, ever, and those that are open. */
  readonly taken: number;
  readonly open: number;
  /** Share of the time since the last beat in which its event loop was at work, 0 to 1. */
  readonly busy: number;
}

export const BEAT_MS = 1000;
