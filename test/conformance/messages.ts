/**
 * The forms in which one recorded request can be asked about. Envoy's own bytes are kept with header lines apart
 * (`header_map`); the form with lines joined (`headers`) and protobuf JSON are made from them, by another protobuf
 * library than the one that the command line reads JSON with.
 */
import protobuf from 'protobufjs';
import { fileURLToPath } from 'node:url';
import { fromStruct } from '../extauthz/support/messages.ts';
import type { Json } from '../extauthz/support/messages.ts';

const PROTO_DIRECTORY = fileURLToPath(new URL('../../proto/', import.meta.url));

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => `${PROTO_DIRECTORY}${target}`;
root.loadSync('envoy/service/auth/v3/external_auth.proto');
const CHECK_REQUEST = root.lookupType('envoy.service.auth.v3.CheckRequest');
const STRUCT = root.lookupType('google.protobuf.Struct');

/** protobufjs' object form of a CheckRequest, as far as this file looks into it. */
interface CheckRequest {
  attributes: {
    request: {
      time?: { seconds: string; nanos?: number };
      http: {
        /** An empty value is absent. */
        headerMap?: { headers: { key: string; rawValue?: Buffer }[] };
        headers?: Record<string, string>;
      };
    };
    metadataContext?: { filterMetadata?: Record<string, unknown> };
    routeMetadataContext?: { filterMetadata?: Record<string, unknown> };
  };
}

/** Names are lower case. */
export type HeaderLine = readonly [name: string, value: string];

/** The header lines of a CheckRequest that has them apart. */
export function headerLines(bytes: Uint8Array): readonly HeaderLine[] {
  const { headers = [] } = objectOf(bytes).attributes.request.http.headerMap ?? {};
  return headers.map(({ key, rawValue }) => [key, rawValue?.toString('utf8') ?? '']);
}

/** The same request as Envoy sends it without `encode_raw_headers`: one value a name, lines joined by a comma. */
export function joined(bytes: Uint8Array): Buffer {
  const object = objectOf(bytes);
  const { http } = object.attributes.request;
  const values = Object.create(null) as Record<string, string>;
  for (const [name, value] of headerLines(bytes)) values[name] = name in values ? `${values[name]!},${value}` : value;
  delete http.headerMap;
  http.headers = values;
  return Buffer.from(CHECK_REQUEST.encode(CHECK_REQUEST.fromObject(object)).finish());
}

/** Protobuf JSON (https://protobuf.dev/programming-guides/json/). */
export function protobufJson(bytes: Uint8Array): unknown {
  const object = CHECK_REQUEST.toObject(CHECK_REQUEST.decode(bytes), {
    bytes: String,
    longs: String,
    enums: String,
  }) as CheckRequest;
  const { request, metadataContext, routeMetadataContext } = object.attributes;
  const { time } = request;
  for (const context of [metadataContext, routeMetadataContext]) {
    if (context?.filterMetadata === undefined) continue;
    const filters = Object.entries(context.filterMetadata).map(([name, struct]) => [name, fromStruct(struct)]);
    context.filterMetadata = Object.fromEntries(filters) as Record<string, unknown>;
  }
  return time === undefined
    ? object
    : { attributes: { ...object.attributes, request: { ...request, time: timestamp(time) } } };
}

function timestamp({ seconds, nanos = 0 }: { readonly seconds: string; readonly nanos?: number }): string {
  const second = new Date(Number(seconds) * 1000).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
  const fraction = String(nanos)
    .padStart(9, '0')
    .replace(/(?:000){1,3}$/, '');
  return `${second}${fraction === '' ? '' : `.${fraction}`}Z`;
}

function objectOf(bytes: Uint8Array): CheckRequest {
  return CHECK_REQUEST.toObject(CHECK_REQUEST.decode(bytes)) as CheckRequest;
}

/** `CheckResponse.dynamic_metadata`. */
const METADATA_TAG = (4 << 3) | 2;

/**
 * The metadata of a CheckResponse, which comes in two parts: protobuf merges a message that comes twice, protobufjs
 * takes the last. Messages put behind each other are their merger.
 */
export function responseMetadata(bytes: Uint8Array): Json {
  const parts: Uint8Array[] = [];
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === METADATA_TAG) parts.push(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return fromStruct(STRUCT.toObject(STRUCT.decode(Buffer.concat(parts))));
}

/** Equal but for the order of map entries, which Envoy does not keep. */
export function sameMessage(a: Uint8Array, b: Uint8Array): boolean {
  return canonical(protobufJson(a)) === canonical(protobufJson(b));
}

/** JSON with sorted keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
