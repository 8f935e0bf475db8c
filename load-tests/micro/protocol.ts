/** What the benchmark and its children, one for each size of a shape, say to each other. */
import type { RequestKind } from './shapes/shape.ts';

export interface ChildTask {
  readonly shape: string;
  readonly rules: number;
  readonly seed: number;
  /** Of each kind. */
  readonly requests: number;
  readonly builds: number;
  /** Time for checking every request against what it should be answered; what is not reached is not measured either. */
  readonly checkMs: number;
}

export type ToChild =
  | { readonly ask: 'prepare'; readonly task: ChildTask }
  /** Measures each kind for so long, and cached decisions. */
  | { readonly ask: 'round'; readonly sliceMs: number }
  | { readonly ask: 'slowest'; readonly budgetMs: number };

export interface PreparedFacts {
  readonly kinds: readonly RequestKind[];
  readonly ruleCount: number;
  /** From a policy set to a snapshot of which one workload has been asked for. The median of all builds. */
  readonly buildSeconds: number;
  /** Of this thread. */
  readonly buildCpuSeconds: number;
  /** What a workload costs when it is first asked for. */
  readonly scopeUs: number;
  readonly workloads: number;
  /** Bytes of heap and buffers that the snapshot holds after the build, and after requests to all workloads. */
  readonly heapBytes: number;
  readonly heapBytesInUse: number;
  /** Decisions that were compared with what they had to be. */
  readonly checked: number;
}

export interface Slice {
  /** A kind, or `cached`. */
  readonly of: RequestKind | 'cached';
  /** Nanoseconds a decision, one number for each batch. */
  readonly batchesNs: readonly number[];
  readonly decisions: number;
  /** CPU time of the thread, of all of them. */
  readonly cpuMs: number;
}

export interface SlowestFacts {
  /** Of one request: the quickest of several times, so that it is the request and not the machine. */
  readonly ns: number;
  readonly kind: RequestKind;
}

export type FromChild =
  | { readonly told: 'prepared'; readonly facts: PreparedFacts }
  | { readonly told: 'round'; readonly slices: readonly Slice[] }
  | { readonly told: 'slowest'; readonly facts: SlowestFacts }
  | { readonly told: 'failed'; readonly message: string };
