/**
 * A CheckRequest as people and tools write it down, to the bytes that Envoy would send: protobuf JSON
 * (https://protobuf.dev/programming-guides/json/), or the bytes themselves in base64.
 */
import { fromJson, toBinary } from '@bufbuild/protobuf';
import type { JsonValue } from '@bufbuild/protobuf';
import { base64Decode } from '@bufbuild/protobuf/wire';
import { checkRequestType } from './proto-types.ts';

export type ReadRequest =
  | { readonly bytes: Uint8Array }
  | { readonly error: { readonly code: 'not-json' | 'not-a-check-request'; readonly message: string } };

/** Never throws. */
export function readCheckRequest(text: string): ReadRequest {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    return { error: { code: 'not-json', message: `this is no JSON: ${messageOf(cause)}` } };
  }
  try {
    return { bytes: isObject(value) && 'bytes' in value ? fromBase64(value) : fromProtobufJson(value) };
  } catch (cause) {
    return { error: { code: 'not-a-check-request', message: messageOf(cause) } };
  }
}

type JsonObject = Record<string, JsonValue>;

function fromBase64(value: JsonObject): Uint8Array {
  const { bytes, ...others } = value;
  if (Object.keys(others).length > 0 || typeof bytes !== 'string') {
    throw new Error('`bytes` must be a base64 text, and the only key of its object');
  }
  try {
    return base64Decode(bytes);
  } catch {
    throw new Error('`bytes` is no base64');
  }
}

function fromProtobufJson(value: JsonValue): Uint8Array {
  if (!isObject(value)) throw new Error('a CheckRequest is a JSON object');
  const type = checkRequestType();
  return toBinary(type, fromJson(type, withoutTypedMetadata(value)));
}

/**
 * Typed metadata holds messages of any type, whose JSON only the owner of the type can read. No policy can
 * name them, so they are left out, as is what Envoy sends and the service passes over.
 */
function withoutTypedMetadata(request: JsonObject): JsonObject {
  const { attributes } = request;
  if (!isObject(attributes)) return request;
  const copy = { ...attributes };
  for (const key of ['metadataContext', 'metadata_context', 'routeMetadataContext', 'route_metadata_context']) {
    const metadata = copy[key];
    if (!isObject(metadata)) continue;
    const { typedFilterMetadata: _, typed_filter_metadata: __, ...rest } = metadata;
    copy[key] = rest;
  }
  return { ...request, attributes: copy };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
