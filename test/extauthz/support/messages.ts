/** Envoy's messages as another library writes and reads them, from our .proto files. */
import protobuf from 'protobufjs';
import { fileURLToPath } from 'node:url';

const PROTO_DIRECTORY = fileURLToPath(new URL('../../../proto/', import.meta.url));

function loadTypes(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => `${PROTO_DIRECTORY}${target}`;
  return root.loadSync('envoy/service/auth/v3/external_auth.proto');
}

const root = loadTypes();
const CHECK_REQUEST = root.lookupType('envoy.service.auth.v3.CheckRequest');
const CHECK_RESPONSE = root.lookupType('envoy.service.auth.v3.CheckResponse');
const STRUCT = root.lookupType('google.protobuf.Struct');

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** protobufjs' object form: lowerCamelCase, bytes as Buffers, Struct values by {@link structOf}. */
export function encodeCheckRequest(attributes: Readonly<Record<string, unknown>>): Buffer {
  return encode(CHECK_REQUEST, { attributes });
}

export function encodeStruct(fields: { readonly [key: string]: Json }): Buffer {
  return encode(STRUCT, structOf(fields));
}

function encode(type: protobuf.Type, object: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(type.encode(type.fromObject(object)).finish());
}

/** google.protobuf.Struct from what it stands for. */
export function structOf(fields: { readonly [key: string]: Json }): { fields: Record<string, unknown> } {
  return { fields: Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, valueOf(value)])) };
}

function valueOf(value: Json): Record<string, unknown> {
  if (value === null) return { nullValue: 0 };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'string') return { stringValue: value };
  if (Array.isArray(value)) return { listValue: { values: (value as readonly Json[]).map(valueOf) } };
  return { structValue: structOf(value as { readonly [key: string]: Json }) };
}

/** What a Struct stands for, from protobufjs' form. */
export function fromStruct(struct: unknown): Json {
  const { fields = {} } = (struct ?? {}) as { fields?: Record<string, Record<string, unknown>> };
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, fromValue(value)]));
}

function fromValue(value: Record<string, unknown>): Json {
  if ('structValue' in value) return fromStruct(value['structValue']);
  if ('listValue' in value) {
    const { values = [] } = value['listValue'] as { values?: Record<string, unknown>[] };
    return values.map(fromValue);
  }
  if ('stringValue' in value) return value['stringValue'] as string;
  if ('numberValue' in value) return value['numberValue'] as number;
  if ('boolValue' in value) return value['boolValue'] as boolean;
  return null;
}

export interface HeaderOption {
  readonly header: { readonly key: string; readonly value?: string };
  readonly append?: { readonly value?: boolean };
  readonly appendAction?: number;
}

/** A CheckResponse as Envoy would read it; absent fields are absent. */
export interface ReadResponse {
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly okResponse?: {
    readonly headers?: readonly HeaderOption[];
    readonly headersToRemove?: readonly string[];
    readonly responseHeadersToAdd?: readonly HeaderOption[];
    readonly queryParametersToSet?: readonly { readonly key: string; readonly value?: string }[];
    readonly queryParametersToRemove?: readonly string[];
    readonly dynamicMetadata?: unknown;
  };
  readonly deniedResponse?: ReadDenial;
  readonly errorResponse?: ReadDenial;
  readonly dynamicMetadata?: unknown;
}

export interface ReadDenial {
  readonly status?: { readonly code?: number };
  readonly headers?: readonly HeaderOption[];
  readonly body?: string;
}

export function decodeCheckResponse(bytes: Uint8Array): ReadResponse {
  const message = CHECK_RESPONSE.decode(bytes);
  return CHECK_RESPONSE.toObject(message);
}

/** Names and values of header options. */
export function pairsOf(options: readonly HeaderOption[] | undefined): readonly (readonly [string, string])[] {
  return (options ?? []).map(({ header }) => [header.key, header.value ?? ''] as const);
}
