/** A request of a policy test, in full: the CheckRequest that Envoy would send for it. */
import { fromJson, toBinary } from '@bufbuild/protobuf';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { TestRequest } from '../../policy/test-model.ts';
import { checkRequestType } from '../../extauthz/json/proto-types.ts';
import { certificateOf } from './certificate.ts';

/** What a test does not say (the schema of `*.test.yaml` tells these to its authors). */
const DEFAULT_SOURCE_IP = '127.0.0.1';
const DEFAULT_PORT = 80;

/**
 * The bytes, with headers in the exact form of `encode_raw_headers`.
 * `jwtMetadata` is where the configuration looks for claims. Throws when a text is no Unicode.
 */
export function checkRequestOf(request: TestRequest, jwtMetadata: string): Uint8Array {
  const type = checkRequestType();
  return toBinary(type, fromJson(type, { attributes: attributesOf(request, jwtMetadata) }));
}

function attributesOf(request: TestRequest, jwtMetadata: string): JsonObject {
  const { destination, workload, claims } = request;
  const principal = request.principal ?? request.sans?.[0] ?? '';
  const scheme = request.scheme ?? (principal === '' ? 'http' : 'https');
  const http = {
    method: request.method ?? 'GET',
    scheme,
    host: request.host ?? 'localhost',
    path: request.path ?? '/',
    protocol: request.protocol ?? 'HTTP/2',
    size: request.size === null ? '0' : String(request.size),
  };
  return {
    source: {
      address: socket(request.sourceIp ?? DEFAULT_SOURCE_IP, 0),
      principal,
      certificate: request.sans === null ? '' : certificateOf(request.sans),
    },
    destination: {
      address: socket(destination.address ?? '', destination.port ?? DEFAULT_PORT),
      principal: destination.principal ?? '',
      labels: record(destination.labels ?? []),
    },
    request: {
      http: { ...http, headerMap: { headers: headerLines(http, request.headers) } },
      ...(request.timeMs === null ? {} : { time: new Date(request.timeMs).toISOString() }),
    },
    contextExtensions: workload === null ? {} : contextExtensionsOf(workload),
    metadataContext:
      claims === null ? {} : { filterMetadata: record([[jwtMetadata, { payload: claims as JsonValue }]]) },
    tlsSession: { sni: request.sni ?? '' },
  };
}

function socket(address: string, portValue: number): JsonObject {
  return { socketAddress: { address, portValue } };
}

function headerLines(
  http: Record<'host' | 'path' | 'method' | 'scheme', string>,
  headers: TestRequest['headers'],
): JsonObject[] {
  const line = (key: string, value: string): JsonObject => ({
    key,
    rawValue: Buffer.from(value, 'utf8').toString('base64'),
  });
  const pseudo = [
    line(':authority', http.host),
    line(':path', http.path),
    line(':method', http.method),
    line(':scheme', http.scheme),
  ];
  return [...pseudo, ...[...headers].flatMap(([name, values]) => values.map((value) => line(name, value)))];
}

function contextExtensionsOf({ namespace, serviceAccount, labels }: NonNullable<TestRequest['workload']>): JsonObject {
  return record([
    ...(namespace === null ? [] : [['namespace', namespace] as const]),
    ...(serviceAccount === null ? [] : [['serviceAccount', serviceAccount] as const]),
    ...[...labels].map(([name, value]) => [`label.${name}`, value] as const),
  ]);
}

function record(entries: Iterable<readonly [string, JsonValue]>): JsonObject {
  return Object.fromEntries(entries);
}
