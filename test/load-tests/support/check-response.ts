import protobuf from 'protobufjs';
import { fileURLToPath } from 'node:url';

import { structOf, type Json } from '../../extauthz/support/messages.ts';

const PROTO_DIRECTORY = fileURLToPath(new URL('../../../proto/', import.meta.url));

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => `${PROTO_DIRECTORY}${target}`;
const CHECK_RESPONSE = root
  .loadSync('envoy/service/auth/v3/external_auth.proto')
  .lookupType('envoy.service.auth.v3.CheckResponse');

type Metadata = { readonly [key: string]: Json };

/** A CheckResponse as the service writes it: its metadata in parts, each a field of its own behind the other. */
export function encodeCheckResponse(code: number, ...metadata: readonly Metadata[]): Buffer {
  const parts = [{ status: { code } }, ...metadata.map((fields) => ({ dynamicMetadata: structOf(fields) }))];
  return Buffer.concat(parts.map((part) => CHECK_RESPONSE.encode(CHECK_RESPONSE.fromObject(part)).finish()));
}
