/** One call on its stream: what has come of it, and what has still to go (RFC 9113 §5.1). */
import type { CallPlan } from './call-plan.ts';
import type { Status } from './call-status.ts';
import type { MessageReader } from './message-reader.ts';

export class Stream {
  readonly id: number;
  readonly plan: CallPlan;

  /** The peer has sent all: "half-closed (remote)". */
  remoteClosed = false;
  /** It was the peer's turn when stuck calls were looked for last. */
  waited = false;
  /** We have sent all: "half-closed (local)". */
  localClosed = false;
  /** Of gRPC, as the peer gets to know it. */
  status = 0;
  /** Out of the connection's books, whatever a handler still does for it. */
  gone = false;

  /** Bytes of the request's body. */
  receivedBytes = 0;
  /** Of the window that the peer was given, what it has used. */
  windowUsed = 0;
  /** Set when the message did not come in one piece. */
  reader: MessageReader | null = null;
  /** Decided before the request was whole; told when it is. */
  refusal: Status | null = null;
  /** Nothing more is awaited from the peer but the end; what had come by then. */
  refused = false;
  receivedBytesRefused = 0;

  /** RFC 9113 §6.9.1; negative after the peer has made its windows smaller. */
  sendWindow: number;
  headersSent = false;
  /** What waits for a window: DATA from `unsentAt` on, then the trailers. */
  unsent: Uint8Array | null = null;
  unsentAt = 0;
  unsentCounted = false;
  trailers: Uint8Array | null = null;

  /** A handler has promised an answer and not kept it yet. */
  handlerRuns = false;
  /** The answer of a call that took its time, or its end, is given. */
  answered = false;
  /** Ends the wait for a handler that has promised an answer. */
  deadline: NodeJS.Timeout | null = null;
  /** Of a server-streaming call. */
  ended: AbortController | null = null;

  constructor(id: number, plan: CallPlan, sendWindow: number) {
    this.id = id;
    this.plan = plan;
    this.sendWindow = sendWindow;
  }
}
