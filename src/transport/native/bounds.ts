/**
 * Bounds of this transport beside those that every transport has (../limits.ts), with the reason for each number. As
 * there: whatever a client of the mesh can make an honest Envoy do must stay below.
 */
import { totalmem } from 'node:os';
import { MAX_CONNECTIONS } from '../limits.ts';

/** A client's preface and its SETTINGS come with the first packet; who takes longer holds a socket for nothing. */
export const PREFACE_TIMEOUT_MS = 10_000;

/** Every peer acknowledges our SETTINGS at once (RFC 9113 §6.5.3); one that has not by then does not read what we send. */
export const SETTINGS_TIMEOUT_MS = 20_000;

/** Who was told goodbye has this long to close its side, so that what was sent last is not lost to a reset. */
export const LINGER_MS = 1_000;

/**
 * A header block before it is decoded. Honest ones are smaller than what they hold, so twice the bound of the list; a list
 * above its own bound, but in a block below this one, costs its call only.
 */
export const MAX_HEADER_BLOCK_BYTES = 256 * 1024;

/**
 * Frames of one header block. Nine full ones hold the largest list; who cuts smaller means no header
 * (CONTINUATION flood, CVE-2024-27316 and its kin).
 */
export const MAX_HEADER_BLOCK_FRAMES = 32;

/** A list this many times above its bound was not written out by anybody: it is made of references into the table. */
export const HEADER_BOMB_FACTOR = 8;

/**
 * Frames that carry no call: PING, WINDOW_UPDATE, PRIORITY, SETTINGS, empty DATA, unknown types. Honest peers send a few for each
 * call (grpc-go pings to measure its bandwidth, others open a window for each answer), so each call gives some back.
 */
export const IDLE_FRAME_BURST = 10_000;
export const IDLE_FRAMES_PER_SECOND = 1_000;
export const IDLE_FRAMES_PER_CALL = 8;

/** SETTINGS can change the window of every stream, and each must be acknowledged. Honest peers send one or two. */
export const SETTINGS_BURST = 100;
export const SETTINGS_PER_SECOND = 10;

/**
 * Streams that we reset because the peer broke a rule on them. Honest peers do not; one that does so on purpose has us
 * work for calls that no longer count as open (MadeYouReset, CVE-2025-8671).
 */
export const STREAM_ERROR_BURST = 500;
export const STREAM_ERRORS_PER_SECOND = 100;

/**
 * Answers that the peer's socket has not taken. Above it we read no more from that peer, so that a peer that never reads
 * makes no more of them.
 */
export const UNSENT_PAUSE_BYTES = 1024 * 1024;
/** Less of them is not counted: it is where a socket of Node begins to say when it is empty again. */
export const UNSENT_COUNTED_BYTES = 64 * 1024;
/** All that waits to be sent to one peer, in its socket or for its windows. A peer above it is cut off. */
export const MAX_UNSENT_BYTES = 256 * 1024 * 1024;
/** A peer that takes nothing of what waits for its socket for so long is gone. */
export const WRITE_STALL_MS = 20_000;

/**
 * What an open stream takes, about. So many of a connection are part of what the connection costs; more are counted, so many at
 * once, so that a call by itself has nothing to count.
 */
export const STREAM_BYTES = 512;
export const FREE_STREAMS = 16;
export const STREAMS_COUNTED_AT_ONCE = 64;

/**
 * Messages of which a stream has not seen the end, as a share of all that may be held: above it only the oldest call of a connection may
 * go on sending.
 */
export const UNFINISHED_SHARE = 1 / 8;
/** All that is held for peers, of all connections together: above it the one that holds the most has to go, or loses its call. */
const MAX_HELD_BYTES = 2 * 1024 * 1024 * 1024;
/** Of the memory that the process may use. The rest is for the policies, and for what the engine has not collected yet. */
const HELD_SHARE = 1 / 4;

/** The first of the two, or what the second comes to in a container that may use less. */
export function maxHeldBytes(): number {
  return Math.min(MAX_HELD_BYTES, HELD_SHARE * (process.constrainedMemory() || Infinity), HELD_SHARE * totalmem());
}

/** A call that is refused may send this much more before it is cut: the rest of an ordinary request is on its way. */
export const REFUSED_CALL_BYTES = 32 * 1024;

/** No Envoy compresses what it sends here. Some, but not a bomb, is decompressed for clients of other kinds. */
export const MAX_INFLATED_BYTES = 64 * 1024 * 1024;
export const INFLATING_AT_ONCE = 2;
export const MAX_WAITING_TO_INFLATE = 1_000;

/**
 * What a connection takes by itself, about: its socket, a table of HPACK full of small fields, {@link FREE_STREAMS} open calls, and the
 * streams that are remembered. Some 24 KiB were seen.
 */
export const CONNECTION_BYTES = 32 * 1024;

/** All of them may take as much as may be held for them. */
export function maxConnections(): number {
  return Math.min(MAX_CONNECTIONS, Math.floor(maxHeldBytes() / CONNECTION_BYTES));
}
