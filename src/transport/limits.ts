/**
 * Bounds of a listener, with the reason for each number.
 *
 * The peer is Envoy, and what makes Envoy's call fail makes Envoy pass the request under `failure_mode_allow`. So a
 * bound here must lie above whatever a client of the mesh can make an honest Envoy do; those that a client can reach
 * are the handler's, and answered with a denial.
 */

/**
 * Largest message that is received at all. What is above ends as a gRPC error, so this lies where no Envoy gets to: it
 * buffers a body whole before it asks (`with_request_body`). What is too large to be looked at, far below, is the
 * handler's to deny.
 */
export const MAX_RECEIVED_BYTES = 1024 * 1024 * 1024;

/**
 * Plus or minus this share of the age, drawn for each connection: those opened together by a rolling restart do not
 * come back together. The same as in gRPC's own servers.
 */
export const CONNECTION_AGE_JITTER = 0.1;

/**
 * Request header list, counted as in RFC 9113 §6.5.2. A client can fill `tracestate`, which Envoy's tracers pass on:
 * up to 60 KiB by default. Twice that; nghttp2 takes no more than nine frames of 16 KiB in one header block anyway.
 */
export const MAX_HEADER_LIST_BYTES = 128 * 1024;

/**
 * RST_STREAM frames: so many at once, and so many a second. nghttp2 closes the connection above 1000 and 33, its guard
 * against rapid reset (CVE-2023-44487). But Envoy resets a check when its client leaves or its timeout passes, so
 * clients that hang up, or a second of overload, would take the whole connection down with all checks on it.
 */
export const STREAM_RESET_BURST = 100_000;
export const STREAM_RESETS_PER_SECOND = 10_000;

/**
 * Flow-control window of a connection, all calls together. The protocol's 64 KiB would hold one Envoy to 40 ordinary
 * checks a round trip; a mebibyte is 600.
 */
export const CONNECTION_WINDOW_BYTES = 1024 * 1024;

/**
 * What one connection may pin in the HTTP/2 engine (open streams, unsent answers), in MiB. A peer that never reads
 * reaches it, and its calls are refused. One that has the default 100,000 calls open stays below: tried with 1.6 KB each.
 */
export const MAX_SESSION_MEMORY_MIB = 256;

/** Far above what any mesh has. The native transport takes fewer where there is little memory. */
export const MAX_CONNECTIONS = 65_536;

/** A TLS handshake takes two round trips; who needs longer holds a socket for nothing. */
export const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;

/** A connection without calls for so long is pinged, to learn of a peer that vanished without a FIN. */
export const KEEPALIVE_INTERVAL_MS = 60_000;
/** gRPC's own default for the answer to a keepalive ping. */
export const KEEPALIVE_TIMEOUT_MS = 20_000;

/** Envoy closes its idle connections after an hour. Later than that, it is Envoy that closes, and no call crosses ours. */
export const MAX_CONNECTION_IDLE_MS = 65 * 60_000;

/** How long a peer may take to read that it should leave. Without its answer, calls that are under way to us get refused. */
export const LEAVE_NOTICE_TIMEOUT_MS = 5_000;

/** After its last call was taken, a connection past its age has this long to end. A check takes milliseconds. */
export const LEAVE_GRACE_MS = 30_000;

/** Who may connect to a Unix socket: owner and group. Whoever may connect may ask what the policies allow. */
export const UNIX_SOCKET_MODE = 0o660;

/**
 * How often the certificate files are looked at. A `stat` each second costs nothing, and works where file events do not:
 * on symlink swaps, bind mounts and network volumes.
 */
export const CERTIFICATE_POLL_MS = 1_000;
