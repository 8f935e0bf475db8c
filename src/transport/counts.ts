/**
 * What a transport counts. Plain numbers by name, so that those of several processes can be sent and added up
 * (telemetry/add-readings.ts); what is counted by call costs an addition.
 */
import type { TransportState } from '../telemetry/transport-state.ts';

/** Names of the status codes of gRPC, in their order (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
const STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

const UNKNOWN = STATUS_NAMES.indexOf('UNKNOWN');

/** Why we close a connection that has done something wrong, or that we cannot have. */
const FAULTS = [
  /** No TLS handshake to its end in time, or one that fails, or one for another protocol than HTTP/2. */
  'handshake',
  /** No preface and SETTINGS of HTTP/2 in time. */
  'preface_timeout',
  /** Our SETTINGS were not acknowledged. */
  'settings_timeout',
  /** Breaks HTTP/2. With grpc-js, also what node:http2 does not tell apart. */
  'protocol',
  'flow_control',
  'compression',
  /** Far more resets, pings, settings or header frames than anybody needs: ENHANCE_YOUR_CALM. */
  'flood',
  /** It, or all of them together, would hold more memory than is set aside. */
  'memory',
  'too_many_connections',
  /** A ping was not answered. */
  'keepalive_timeout',
  /** The rest of a frame does not come, or answers are not taken. */
  'stalled',
  /** Our own mistake; the log tells more. */
  'internal',
] as const;

export type ConnectionFault = (typeof FAULTS)[number];

export class Counters {
  connectionsOpen = 0;
  connectionsAccepted = 0;
  connectionsNotAllowed = 0;
  callsStarted = 0;
  callsCancelled = 0;
  callsRefused = 0;
  callsLost = 0;
  readonly #answered = new Float64Array(STATUS_NAMES.length);
  readonly #faults = new Float64Array(FAULTS.length);

  /** `status` is a code of gRPC. */
  answered(status: number): void {
    this.#answered[status < STATUS_NAMES.length ? status : UNKNOWN]! += 1;
  }

  fault(fault: ConnectionFault): void {
    this.#faults[FAULTS.indexOf(fault)]! += 1;
  }

  read(bytesHeld: number): TransportState {
    const { callsStarted, callsCancelled, callsRefused, callsLost } = this;
    const answered = this.#answered.reduce((sum, count) => sum + count, 0);
    return {
      connectionsOpen: this.connectionsOpen,
      connectionsAccepted: this.connectionsAccepted,
      connectionsNotAllowed: this.connectionsNotAllowed,
      connectionFaults: byName(FAULTS, this.#faults),
      callsStarted,
      callsInFlight: callsStarted - answered - callsCancelled - callsRefused - callsLost,
      callsAnswered: byName(STATUS_NAMES, this.#answered),
      callsCancelled,
      callsRefused,
      callsLost,
      bytesHeld,
    };
  }
}

function byName(names: readonly string[], counts: Float64Array): Record<string, number> {
  return Object.fromEntries(names.map((name, i) => [name, counts[i]!]));
}
