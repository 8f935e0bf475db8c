/**
 * `envoy.service.auth.v3.CheckRequest` as a view over its bytes: one walk finds where everything is, and
 * strings are made only of what is asked for. Field numbers are Envoy's
 * (envoy/service/auth/v3/attribute_context.proto, external_auth.proto).
 */
import { asciiLowerCase } from '../attributes/bytes.ts';
import type { ClaimMap } from '../attributes/claim.ts';
import { NO_LINES, joinedHeader } from '../attributes/header-lines.ts';
import type { HeaderLines } from '../attributes/header-lines.ts';
import type { CheckSource } from '../attributes/request-attributes.ts';
import type { ProofPlaces } from '../identity/plan.ts';
import { sortMapEntries } from './map-entries.ts';
import { COMPARED_HERE } from './span-table.ts';
import type { SpanKey } from './span-table.ts';
import { BYTES, WireError, WireReader } from './wire/reader.ts';
import { readStruct } from './wire/struct.ts';

/** A range of the message's bytes; `end` is exclusive, 0 to 0 is absent. */
interface Span {
  start: number;
  end: number;
}

const span = (): Span => ({ start: 0, end: 0 });

/** Field 1, a length-delimited one. */
const KEY_TAG = 0x0a;

const UNDERSCORE = 0x5f;

const NO_HEADERS: readonly number[] = [];
/** What is found of one message, before it is known how much that is: lists that grow would be most of its memory. */
const MAX_FOUND = 4 * 1024;
const joinedFound: number[] = [];
const rawFound: number[] = [];

const EMPTY_MAP: ReadonlyMap<string, string> = new Map();

export interface HeaderStatistics {
  readonly count: number;
  readonly bytes: number;
}

/** What of a message is compared, besides method, target and authority. */
export interface RawReads {
  readonly headers: readonly string[];
  readonly scheme: boolean;
  readonly protocol: boolean;
  readonly size: boolean;
  readonly peer: boolean;
  readonly sourceAddress: boolean;
  readonly destination: boolean;
  readonly sni: boolean;
  readonly metadata: boolean;
}

export class CheckRequestView implements CheckSource {
  readonly #buffer: Buffer;
  readonly #spans = {
    sourceAddress: span(),
    sourcePrincipal: span(),
    sourceCertificate: span(),
    destinationAddress: span(),
    destinationPrincipal: span(),
    requestId: span(),
    method: span(),
    target: span(),
    authority: span(),
    scheme: span(),
    protocol: span(),
    sni: span(),
  };
  /** Ranges of whole map entries or messages, decoded when asked for: start, end, start, end, … */
  readonly #destinationLabels: number[] = [];
  readonly #contextExtensions: number[] = [];
  readonly #metadata: number[] = [];
  /** Four numbers a header: key start, key end, value start, value end. */
  #headers: readonly number[] = NO_HEADERS;
  #rawHeaders: readonly number[] = NO_HEADERS;
  #headerBytes = 0;
  /** A bit for each length, modulo 32, that the name of a header has: most names that are asked for have one of their own. */
  #nameLengths = 0;
  #underscored = false;
  #timeMs: number | null = null;

  /** Does the message describe an HTTP request at all (the network filter's does not). */
  hasHttp = false;
  /** 0 when absent: proto3 does not write zeros. Envoy writes -1 for unknown. */
  size = 0;
  destinationPort = 0;
  sourcePort = 0;

  /** Throws {@link WireError} when the bytes are no CheckRequest. */
  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const message = new WireReader(this.#buffer);
    while (message.next()) {
      // CheckRequest.attributes = 1
      if (message.field === 1) this.#readAttributes(message.message());
      else message.skip();
    }
    sortMapEntries(this.#buffer, this.#contextExtensions);
    sortMapEntries(this.#buffer, this.#destinationLabels);
  }

  /** The message as it came. */
  get bytes(): Uint8Array {
    return this.#buffer;
  }

  #readAttributes(context: WireReader): void {
    while (context.next()) {
      switch (context.field) {
        case 1:
          this.#readSource(context.message());
          break;
        case 2:
          this.#readDestination(context.message());
          break;
        case 4:
          this.#readRequest(context.message());
          break;
        case 10:
          context.range();
          this.#contextExtensions.push(context.start, context.end);
          break;
        case 11:
          this.#readMetadata(context.message());
          break;
        case 12:
          this.#readTlsSession(context.message());
          break;
        default:
          context.skip();
      }
    }
  }

  #readSource(peer: WireReader): void {
    while (peer.next()) {
      switch (peer.field) {
        case 1:
          this.sourcePort = this.#readAddress(peer.message(), this.#spans.sourceAddress);
          break;
        case 4:
          take(peer, this.#spans.sourcePrincipal);
          break;
        case 5:
          take(peer, this.#spans.sourceCertificate);
          break;
        default:
          peer.skip();
      }
    }
  }

  #readDestination(peer: WireReader): void {
    while (peer.next()) {
      switch (peer.field) {
        case 1:
          this.destinationPort = this.#readAddress(peer.message(), this.#spans.destinationAddress);
          break;
        case 3:
          peer.range();
          this.#destinationLabels.push(peer.start, peer.end);
          break;
        case 4:
          take(peer, this.#spans.destinationPrincipal);
          break;
        default:
          peer.skip();
      }
    }
  }

  /** envoy.config.core.v3.Address: only `socket_address` (1) has an IP. Returns the port; 0 when there is none. */
  #readAddress(address: WireReader, into: Span): number {
    let port = 0;
    into.start = into.end = 0;
    while (address.next()) {
      if (address.field !== 1) {
        // Another member of the oneof: whatever came before it does not count.
        into.start = into.end = 0;
        port = 0;
        address.skip();
        continue;
      }
      const socket = address.message();
      while (socket.next()) {
        if (socket.field === 2) take(socket, into);
        else if (socket.field === 3) port = socket.number();
        else socket.skip();
      }
    }
    return port;
  }

  #readRequest(request: WireReader): void {
    while (request.next()) {
      if (request.field === 1) this.#readTime(request.message());
      else if (request.field === 2) this.#readHttp(request.message());
      else request.skip();
    }
  }

  #readTime(timestamp: WireReader): void {
    let seconds = 0;
    let nanos = 0;
    while (timestamp.next()) {
      if (timestamp.field === 1) seconds = timestamp.number();
      else if (timestamp.field === 2) nanos = timestamp.number();
      else timestamp.skip();
    }
    this.#timeMs = seconds * 1000 + Math.floor(nanos / 1e6);
  }

  #readHttp(http: WireReader): void {
    this.hasHttp = true;
    const spans = this.#spans;
    let joined = 0;
    let raw = 0;
    while (http.next()) {
      switch (http.field) {
        case 1:
          take(http, spans.requestId);
          break;
        case 2:
          take(http, spans.method);
          break;
        case 3:
          http.range();
          joined = this.#readHeader(http.start, http.end, joinedFound, joined, 2);
          break;
        case 4:
          take(http, spans.target);
          break;
        case 5:
          take(http, spans.authority);
          break;
        case 6:
          take(http, spans.scheme);
          break;
        case 9:
          this.size = http.number();
          break;
        case 10:
          take(http, spans.protocol);
          break;
        case 13: {
          const headerMap = http.message();
          while (headerMap.next()) {
            // HeaderValue has its bytes in raw_value (3); value (2) is for those that are UTF-8 and not raw.
            if (headerMap.field === 1) {
              headerMap.range();
              raw = this.#readHeader(headerMap.start, headerMap.end, rawFound, raw, 3);
            } else headerMap.skip();
          }
          break;
        }
        default:
          // query (7) and fragment (8) are always empty; body (11) and raw_body (12) are not looked at.
          http.skip();
      }
    }
    this.#headers = withFound(this.#headers, joinedFound, joined);
    this.#rawHeaders = withFound(this.#rawHeaders, rawFound, raw);
  }

  /**
   * A map entry or a HeaderValue: key in field 1, value in `valueField` (or in 2 when that is absent). Writes it to `found` and
   * returns where the next one goes.
   */
  #readHeader(start: number, end: number, found: number[], at: number, valueField: number): number {
    const buffer = this.#buffer;
    let keyStart = start + 2;
    let keyEnd = keyStart + buffer[start + 1]!;
    let valueStart = keyEnd + 2;
    let valueEnd = valueStart + buffer[keyEnd + 1]!;
    if (valueEnd >= valueStart + 0x80) {
      valueStart++;
      valueEnd = valueStart + (buffer[keyEnd + 1]! & 0x7f) + buffer[keyEnd + 2]! * 0x80;
    }
    // Nearly all have the key and the value once, in this order, with lengths of one byte, or two for the value. There are twenty of
    // them in a message, and a reader for each would be most of what reading it costs.
    const isUsual =
      valueEnd === end &&
      valueStart < end &&
      buffer[start] === KEY_TAG &&
      buffer[start + 1]! < 0x80 &&
      buffer[keyEnd] === ((valueField << 3) | BYTES) &&
      (valueStart === keyEnd + 2 || buffer[keyEnd + 2]! < 0x80);
    if (!isUsual) {
      const entry = new WireReader(buffer, start, end);
      keyStart = keyEnd = valueStart = valueEnd = 0;
      let raw = false;
      while (entry.next()) {
        if (entry.field === 1) {
          entry.range();
          keyStart = entry.start;
          keyEnd = entry.end;
        } else if (entry.field === valueField || (entry.field === 2 && !raw)) {
          entry.range();
          valueStart = entry.start;
          valueEnd = entry.end;
          raw = entry.field === valueField;
        } else entry.skip();
      }
    }
    found[at] = keyStart;
    found[at + 1] = keyEnd;
    found[at + 2] = valueStart;
    found[at + 3] = valueEnd;
    this.#headerBytes += keyEnd - keyStart + valueEnd - valueStart;
    this.#nameLengths |= 1 << (keyEnd - keyStart);
    for (let i = keyStart; i < keyEnd && !this.#underscored; i++)
      if (buffer[i] === UNDERSCORE) this.#underscored = true;
    return at + 4;
  }

  /** envoy.config.core.v3.Metadata: filter_metadata (1), a map from filter name to Struct. */
  #readMetadata(metadata: WireReader): void {
    while (metadata.next()) {
      if (metadata.field === 1) {
        metadata.range();
        this.#metadata.push(metadata.start, metadata.end);
      } else metadata.skip();
    }
  }

  #readTlsSession(session: WireReader): void {
    while (session.next()) {
      if (session.field === 1) take(session, this.#spans.sni);
      else session.skip();
    }
  }

  #text({ start, end }: Span): string {
    return start === end ? '' : this.#buffer.toString('latin1', start, end);
  }

  get method(): string {
    return this.#text(this.#spans.method);
  }
  get target(): string {
    return this.#text(this.#spans.target);
  }
  get authority(): string {
    return this.#text(this.#spans.authority);
  }
  get scheme(): string {
    return this.#text(this.#spans.scheme);
  }
  get protocol(): string {
    return this.#text(this.#spans.protocol);
  }
  get requestId(): string {
    return this.#text(this.#spans.requestId);
  }
  get timeMs(): number | null {
    return this.#timeMs;
  }
  get sourceAddress(): string {
    return this.#text(this.#spans.sourceAddress);
  }
  get sourcePrincipal(): string {
    return this.#text(this.#spans.sourcePrincipal);
  }
  /** URL-encoded PEM. */
  get sourceCertificate(): string {
    return this.#text(this.#spans.sourceCertificate);
  }
  get destinationAddress(): string {
    return this.#text(this.#spans.destinationAddress);
  }
  get destinationPrincipal(): string {
    return this.#text(this.#spans.destinationPrincipal);
  }
  get sni(): string {
    return this.#text(this.#spans.sni);
  }
  get destinationLabels(): ReadonlyMap<string, string> {
    return this.#stringMap(this.#destinationLabels);
  }
  get contextExtensions(): ReadonlyMap<string, string> {
    return this.#stringMap(this.#contextExtensions);
  }

  #stringMap(ranges: readonly number[]): ReadonlyMap<string, string> {
    if (ranges.length === 0) return EMPTY_MAP;
    const map = new Map<string, string>();
    for (let i = 0; i < ranges.length; i += 2) {
      const entry = new WireReader(this.#buffer, ranges[i], ranges[i + 1]);
      let key = '';
      let value = '';
      while (entry.next()) {
        if (entry.field === 1) key = entry.text();
        else if (entry.field === 2) value = entry.text();
        else entry.skip();
      }
      map.set(key, value);
    }
    return map;
  }

  /** Throws {@link WireError} when what stands there is no Struct. */
  metadata(filter: string): ClaimMap | null {
    let found: ClaimMap | null = null;
    for (let i = 0; i < this.#metadata.length; i += 2) {
      const entry = new WireReader(this.#buffer, this.#metadata[i], this.#metadata[i + 1]);
      let key = '';
      let value: WireReader | null = null;
      while (entry.next()) {
        if (entry.field === 1) key = entry.text();
        else if (entry.field === 2) value = entry.message();
        else entry.skip();
      }
      if (key === filter && value !== null) found = readStruct(value);
    }
    return found;
  }

  startKey(key: SpanKey): void {
    key.start(this.#buffer);
  }

  /** All that says which workload is called, and where; pdp/resolve-workload.ts reads nothing else. */
  addWorkload(key: SpanKey): void {
    const { destinationAddress, destinationPrincipal } = this.#spans;
    key.add(destinationAddress.start, destinationAddress.end);
    key.add(destinationPrincipal.start, destinationPrincipal.end);
    addRanges(key, this.#destinationLabels);
    addRanges(key, this.#contextExtensions);
  }

  /** What the gate reads, and the rest as asked. The port of the source, ids and times are not among it. */
  addReads(key: SpanKey, reads: RawReads): void {
    const spans = this.#spans;
    addSpan(key, spans.method);
    addSpan(key, spans.target);
    addSpan(key, spans.authority);
    if (reads.scheme) addSpan(key, spans.scheme);
    if (reads.protocol) addSpan(key, spans.protocol);
    if (reads.size) {
      key.addNumber(this.size | 0);
      key.addNumber(Math.floor(this.size / 2 ** 32));
    }
    if (reads.peer) this.#addPeer(key);
    if (reads.sourceAddress) addSpan(key, spans.sourceAddress);
    if (reads.destination) {
      addSpan(key, spans.destinationAddress);
      addSpan(key, spans.destinationPrincipal);
      key.addNumber(this.destinationPort);
    }
    if (reads.sni) addSpan(key, spans.sni);
    if (reads.metadata) addRanges(key, this.#metadata);
    this.#addHeaders(key, reads.headers);
  }

  /** All that tells who asks, by what is sent in these places. */
  addProofs(key: SpanKey, places: ProofPlaces): void {
    const spans = this.#spans;
    if (places.method) addSpan(key, spans.method);
    if (places.query) addSpan(key, spans.target);
    if (places.certificate) this.#addPeer(key);
    this.#addHeaders(key, places.headers);
  }

  /** All that identity/identify.ts reads: the context extensions can say whom the header is believed of. */
  #addPeer(key: SpanKey): void {
    addSpan(key, this.#spans.sourcePrincipal);
    addSpan(key, this.#spans.sourceCertificate);
    addRanges(key, this.#contextExtensions);
    this.#addHeaders(key, ['x-forwarded-client-cert']);
  }

  #addHeaders(key: SpanKey, names: readonly string[]): void {
    // Whether lines are exact or joined is part of what they mean.
    const raw = this.#rawHeaders.length > 0;
    key.addNumber(raw ? 1 : 0);
    const headers = raw ? this.#rawHeaders : this.#headers;
    for (const name of names) this.#addHeader(key, name, headers);
  }

  #addHeader(key: SpanKey, name: string, headers: readonly number[]): void {
    let count = 0;
    for (let i = 0; this.#mayHave(name) && i < headers.length; i += 4)
      if (headers[i + 1]! - headers[i]! === name.length && this.#isName(headers[i]!, headers[i + 1]!, name)) {
        key.add(headers[i + 2]!, headers[i + 3]!);
        count++;
      }
    key.addNumber(count);
  }

  get hasUnderscoredNames(): boolean {
    return this.#underscored;
  }

  get headerStatistics(): HeaderStatistics {
    return { count: (this.#headers.length + this.#rawHeaders.length) / 4, bytes: this.#headerBytes };
  }

  /** Is there a header whose name is as long? */
  #mayHave(name: string): boolean {
    return (this.#nameLengths & (1 << name.length)) !== 0;
  }

  header(name: string): HeaderLines {
    switch (name) {
      case ':authority':
        return this.#one(this.#spans.authority);
      case ':path':
        return this.#one(this.#spans.target);
      case ':method':
        return this.#one(this.#spans.method);
      case ':scheme':
        return this.#one(this.#spans.scheme);
      default:
        break;
    }
    if (!this.#mayHave(name)) return NO_LINES;
    if (this.#rawHeaders.length > 0) {
      const lines = this.#linesOf(name, this.#rawHeaders);
      return lines.length === 0 ? NO_LINES : { form: 'exact', lines };
    }
    const lines = this.#linesOf(name, this.#headers);
    // A map has one value a key; the last one wins, as everywhere in protobuf.
    return lines.length === 0 ? NO_LINES : joinedHeader(name, lines[lines.length - 1]!);
  }

  headerByte(name: string, at: number): number {
    const headers = this.#rawHeaders.length > 0 ? this.#rawHeaders : this.#headers;
    for (let i = 0; i < headers.length; i += 4)
      if (headers[i + 1]! - headers[i]! === name.length && this.#isName(headers[i]!, headers[i + 1]!, name))
        return headers[i + 2]! + at < headers[i + 3]! ? this.#buffer[headers[i + 2]! + at]! : -1;
    return -1;
  }

  hasAny(names: readonly string[]): boolean {
    const headers = this.#rawHeaders.length > 0 ? this.#rawHeaders : this.#headers;
    let lengths = 0;
    for (const name of names) lengths |= 1 << name.length;
    for (let i = 0; i < headers.length; i += 4) {
      const length = headers[i + 1]! - headers[i]!;
      if (length >= 32 || ((lengths >>> length) & 1) === 0) continue;
      for (const name of names) if (this.#isName(headers[i]!, headers[i + 1]!, name)) return true;
    }
    return false;
  }

  #one(at: Span): HeaderLines {
    return at.start === at.end ? NO_LINES : { form: 'exact', lines: [this.#text(at)] };
  }

  #linesOf(name: string, headers: readonly number[]): string[] {
    const lines: string[] = [];
    for (let i = 0; i < headers.length; i += 4)
      if (this.#isName(headers[i]!, headers[i + 1]!, name))
        lines.push(this.#buffer.toString('latin1', headers[i + 2], headers[i + 3]));
    return lines;
  }

  /** Envoy sends names in lower case; any case is taken. `name` is in lower case. */
  #isName(start: number, end: number, name: string): boolean {
    if (end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) {
      let byte = this.#buffer[start + i]!;
      if (byte >= 0x41 && byte <= 0x5a) byte += 32;
      if (byte !== name.charCodeAt(i)) return false;
    }
    return true;
  }

  headerNames(): readonly string[] {
    const headers = this.#rawHeaders.length > 0 ? this.#rawHeaders : this.#headers;
    const names = new Set<string>();
    for (let i = 0; i < headers.length; i += 4)
      names.add(asciiLowerCase(this.#buffer.toString('latin1', headers[i], headers[i + 1])));
    return [...names];
  }

  /** Names with an underscore, as sent: some frameworks read `x_user` as `x-user`. */
  underscoredNames(): readonly string[] {
    return this.#underscored ? this.headerNames().filter((name) => name.includes('_')) : [];
  }

  /**
   * Headers that contradict each other or the request: a `host` header or a pseudo-header unlike the field
   * of the request that says the same, or `headers` and `header_map` both there and not alike.
   */
  hasContradictingHeaders(): boolean {
    if (this.#contradictsRequest(this.#headers) || this.#contradictsRequest(this.#rawHeaders)) return true;
    if (this.#headers.length === 0 || this.#rawHeaders.length === 0) return false;
    const plain = this.#joined(this.#headers);
    const raw = this.#joined(this.#rawHeaders);
    if (plain.size !== raw.size) return true;
    for (const [name, value] of raw) if (plain.get(name) !== value) return true;
    return false;
  }

  #contradictsRequest(headers: readonly number[]): boolean {
    for (let i = 0; i < headers.length; i += 4) {
      const start = headers[i]!;
      const end = headers[i + 1]!;
      const isPseudo = this.#buffer[start] === 0x3a;
      // Nearly every header is passed by here, by one comparison of its first byte and one of its length.
      if (!isPseudo && end - start !== HOST.length) continue;
      const field = this.#fieldOf(start, end);
      if (field !== null && !this.#equal(field, headers[i + 2]!, headers[i + 3]!)) return true;
    }
    return false;
  }

  #fieldOf(start: number, end: number): Span | null {
    if (this.#isName(start, end, ':path')) return this.#spans.target;
    if (this.#isName(start, end, ':authority') || this.#isName(start, end, HOST)) return this.#spans.authority;
    return this.#isName(start, end, ':method') ? this.#spans.method : null;
  }

  #equal(field: Span, start: number, end: number): boolean {
    if (field.end - field.start !== end - start) return false;
    const buffer = this.#buffer;
    if (end - start > COMPARED_HERE) return buffer.compare(buffer, field.start, field.end, start, end) === 0;
    for (let at = field.start, other = start; other < end; at++, other++)
      if (buffer[at] !== buffer[other]) return false;
    return true;
  }

  #joined(headers: readonly number[]): Map<string, string> {
    const map = new Map<string, string>();
    for (let i = 0; i < headers.length; i += 4) {
      const name = asciiLowerCase(this.#buffer.toString('latin1', headers[i], headers[i + 1]));
      const value = this.#buffer.toString('latin1', headers[i + 2], headers[i + 3]);
      const earlier = map.get(name);
      map.set(name, earlier === undefined ? value : `${earlier},${value}`);
    }
    return map;
  }
}

const HOST = 'host';

/** A message may have more than one `http`, which protobuf merges. */
function withFound(before: readonly number[], found: number[], count: number): readonly number[] {
  if (count === 0) return before;
  const now = found.slice(0, count);
  // A flood of headers once must not be held for good.
  if (found.length > MAX_FOUND) found.length = MAX_FOUND;
  return before.length === 0 ? now : before.concat(now);
}

function addSpan(key: SpanKey, { start, end }: Span): void {
  key.add(start, end);
}

function addRanges(key: SpanKey, ranges: readonly number[]): void {
  for (let i = 0; i < ranges.length; i += 2) key.add(ranges[i]!, ranges[i + 1]!);
  key.addNumber(ranges.length);
}

function take(reader: WireReader, into: Span): void {
  reader.range();
  into.start = reader.start;
  into.end = reader.end;
}

/** null: the bytes are no CheckRequest. */
export function readCheckRequest(bytes: Uint8Array): CheckRequestView | null {
  try {
    return new CheckRequestView(bytes);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}
