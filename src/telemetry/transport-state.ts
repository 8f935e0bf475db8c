/** What a transport counts of itself: plain numbers, which can be sent and added up. */
export interface TransportState {
  /** Now, those in a TLS handshake too. */
  readonly connectionsOpen: number;
  readonly connectionsAccepted: number;
  /** Those of peers that are not on the list of allowed clients. They stay open, and nearly all of their calls are refused. */
  readonly connectionsNotAllowed: number;
  /** Closed by us, by the names in transport/counts.ts. */
  readonly connectionFaults: Readonly<Record<string, number>>;
  /** Each of them ends as one of the next four, or is in flight. */
  readonly callsStarted: number;
  /** Now: neither answered to the end nor given up. */
  readonly callsInFlight: number;
  /**
   * Answered, by name of the status. RESOURCE_EXHAUSTED is a message above its bound; an answer of plain HTTP, to what is no gRPC,
   * is UNKNOWN, which is what clients of gRPC make of it.
   */
  readonly callsAnswered: Readonly<Record<string, number>>;
  /** Reset by the peer before they were answered. */
  readonly callsCancelled: number;
  /** Reset by us: malformed, or more than the peer may have open. With grpc-js those are not seen. */
  readonly callsRefused: number;
  /** Not answered when their connection ended. */
  readonly callsLost: number;
  /** Held for peers: what has come of messages that have not ended, and answers that have not been taken. */
  readonly bytesHeld: number;
}
