/**
 * One header field with all that a server for gRPC needs to know about it. It is found out when the field is decoded, so
 * a field that a later block takes from a table costs nothing.
 */

import { TRACE_HEADERS } from '../../transport.ts';

/** Which field it is, of those that mean something here. */
export const Token = {
  other: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  contentType: 5,
  contentLength: 6,
  grpcTimeout: 7,
  grpcEncoding: 8,
  te: 9,
  /** Which trace the call belongs to. */
  trace: 11,
  /** Makes a request malformed whatever its value. */
  forbidden: 10,
} as const;

export type Token = (typeof Token)[keyof typeof Token];

const TOKENS: ReadonlyMap<string, Token> = new Map<string, Token>([
  [':method', Token.method],
  [':scheme', Token.scheme],
  [':authority', Token.authority],
  [':path', Token.path],
  ['content-type', Token.contentType],
  ['content-length', Token.contentLength],
  ['grpc-timeout', Token.grpcTimeout],
  ['grpc-encoding', Token.grpcEncoding],
  ['te', Token.te],
  ...TRACE_HEADERS.map((name) => [name, Token.trace] as const),
  // RFC 9113 §8.2.2: "any message containing connection-specific header fields MUST be treated as malformed".
  ['connection', Token.forbidden],
  ['proxy-connection', Token.forbidden],
  ['keep-alive', Token.forbidden],
  ['transfer-encoding', Token.forbidden],
  ['upgrade', Token.forbidden],
]);

/** RFC 7541 §4.1: "an estimated overhead" of an entry; RFC 9113 §6.5.2 counts header lists in the same way. */
const OVERHEAD_BYTES = 32;

export class HeaderField {
  readonly name: string;
  readonly value: string;
  readonly size: number;
  readonly token: Token;

  /** Name and value are latin1 of their bytes. */
  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + OVERHEAD_BYTES;
    this.token = tokenOf(name, value);
  }
}

function tokenOf(name: string, value: string): Token {
  const token = TOKENS.get(name);
  if (!isFieldValue(value)) return Token.forbidden;
  if (token !== undefined) return token;
  // §8.3: "Endpoints MUST treat a request or response that contains undefined or invalid pseudo-header fields as
  // malformed"; names that are not pseudo have no colon (§8.2.1).
  return isFieldName(name) ? Token.other : Token.forbidden;
}

/** §8.2.1: no control characters, no space, no upper case, no colon, nothing above ASCII; and not empty. */
function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const char = name.charCodeAt(i);
    if (char <= 0x20 || char >= 0x7f || char === 0x3a || (char >= 0x41 && char <= 0x5a)) return false;
  }
  return name.length > 0;
}

/**
 * §8.2.1: no NUL, CR or LF. Space and tab at the ends, which it forbids as well, are let pass: Envoy lets them pass from its
 * clients, tracers send on what clients wrote, and a refused call is an allowed request under `failure_mode_allow`. Nothing
 * here reads the fields in which they could come.
 */
function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const char = value.charCodeAt(i);
    if (char <= 0x0d && (char === 0 || char === 0x0a || char === 0x0d)) return false;
  }
  return true;
}
