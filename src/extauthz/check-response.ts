/**
 * The one builder of `envoy.service.auth.v3.CheckResponse`. Every answer says its status: a CheckResponse
 * without one has code 0, which Envoy reads as OK.
 */
import type { ClaimMap } from '../attributes/claim.ts';
import type { Field } from '../pdp/obligations.ts';
import { writeStruct } from './wire/struct.ts';
import { WireWriter } from './wire/writer.ts';

export interface AllowAnswer {
  readonly setHeaders: readonly Field[];
  /** Never holds a name of `setHeaders`: Envoy removes last. */
  readonly removeHeaders: readonly string[];
  readonly responseHeaders: readonly Field[];
  readonly setQuery: readonly Field[];
  readonly removeQuery: readonly string[];
  readonly metadata: ClaimMap;
}

export interface DenyAnswer {
  /** 400 to 599, or 302. */
  readonly httpStatus: number;
  readonly headers: readonly Field[];
  readonly body: string;
  /** Told as an error of ours: Envoy answers with it, or lets the request pass under `failure_mode_allow`. */
  readonly isError: boolean;
  readonly metadata: ClaimMap;
}

/** google.rpc.Code */
const OK = 0;
const GRPC_CODES: ReadonlyMap<number, number> = new Map([
  [302, 16], // To where a proof can be had.
  [400, 3], // INVALID_ARGUMENT
  [401, 16], // UNAUTHENTICATED
  [403, 7], // PERMISSION_DENIED
  [404, 5], // NOT_FOUND
  [413, 3],
  [429, 8], // RESOURCE_EXHAUSTED
  [431, 3],
  [500, 13], // INTERNAL
  [503, 14], // UNAVAILABLE
]);
const PERMISSION_DENIED = 7;

export function encodeAllow(answer: AllowAnswer): Buffer {
  return new WireWriter()
    .message(1, (status) => status.number(1, OK))
    .message(3, (ok) => {
      for (const field of answer.setHeaders) ok.message(2, (option) => writeHeader(option, field));
      for (const name of answer.removeHeaders) ok.text(5, name);
      for (const field of answer.responseHeaders) ok.message(6, (option) => writeHeader(option, field));
      for (const [name, value] of answer.setQuery) ok.message(7, (query) => query.text(1, name).text(2, value));
      for (const name of answer.removeQuery) ok.text(8, name);
    })
    .message(4, (struct) => writeStruct(struct, answer.metadata))
    .finish();
}

/** CheckResponse.http_response; an Envoy before 1.37 does not know the second, and answers 403 by the status alone. */
const DENIED_RESPONSE = 2;
const ERROR_RESPONSE = 5;

export function encodeDeny(answer: DenyAnswer): Buffer {
  return new WireWriter()
    .message(1, (status) => status.number(1, GRPC_CODES.get(answer.httpStatus) ?? PERMISSION_DENIED))
    .message(answer.isError ? ERROR_RESPONSE : DENIED_RESPONSE, (denied) => {
      denied.message(1, (status) => status.number(1, answer.httpStatus));
      for (const field of answer.headers) denied.message(2, (option) => writeHeader(option, field));
      if (answer.body !== '') denied.text(3, answer.body);
    })
    .message(4, (struct) => writeStruct(struct, answer.metadata))
    .finish();
}

/** HeaderValueOption.append_action */
const OVERWRITE_IF_EXISTS_OR_ADD = 2;

/**
 * Both ways of saying "replace": `append` (deprecated) wins where an Envoy still reads it, and an unset
 * one has meant "append" in some versions (envoy issue 43310).
 */
function writeHeader(option: WireWriter, [name, value]: Field): void {
  option
    .message(1, (header) => header.text(1, name).text(2, value))
    .message(2, (append) => append.bool(1, false))
    .number(3, OVERWRITE_IF_EXISTS_OR_ADD);
}

/**
 * A further `dynamic_metadata` field, to stand behind an encoded answer: protobuf merges messages that
 * come twice, so that the answer's bytes can be reused and still carry an id of their own.
 */
export function encodeMetadataTail(metadata: ClaimMap): Buffer {
  return new WireWriter().message(4, (struct) => writeStruct(struct, metadata)).finish();
}
