import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import protobuf from 'protobufjs';
import { envoyPath } from '../../scripts/install-envoy.mjs';
import { embeddedDescriptor } from './envoy-descriptors.ts';
import { outlineOfDescriptor, outlineOfNamespace, type Outline } from './outline.ts';

const PROTO = join(import.meta.dirname, '..', '..', 'proto');

/** gRPC's own sources keep this file below src/proto, and Envoy holds it under that name. */
const NAME_IN_ENVOY: Readonly<Record<string, string>> = {
  'grpc/health/v1/health.proto': 'src/proto/grpc/health/v1/health.proto',
};

const FILES = readdirSync(PROTO, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.proto'))
  .sort();

describe('our .proto files', () => {
  let envoy: Buffer;
  let ours: ReadonlyMap<string, Outline>;

  beforeAll(async () => {
    envoy = readFileSync(await envoyPath());
    ours = parseAll();
  });

  it('are the ones that the service needs', () => {
    expect(FILES).toEqual([
      'envoy/config/core/v3/address.proto',
      'envoy/config/core/v3/base.proto',
      'envoy/service/auth/v3/attribute_context.proto',
      'envoy/service/auth/v3/external_auth.proto',
      'envoy/type/v3/http_status.proto',
      'google/protobuf/any.proto',
      'google/protobuf/struct.proto',
      'google/protobuf/timestamp.proto',
      'google/protobuf/wrappers.proto',
      'google/rpc/status.proto',
      'grpc/health/v1/health.proto',
    ]);
  });

  it.each(FILES)('%s has the names, numbers, types and labels that Envoy was built with', (file) => {
    const theirs = outlineOfDescriptor(embeddedDescriptor(envoy, NAME_IN_ENVOY[file] ?? file));
    const mine = ours.get(file)!;
    expect(mine.size).toBeGreaterThan(0);
    expect(readable(mine)).toEqual(readable(new Map([...mine.keys()].map((name) => [name, theirs.get(name) ?? []]))));
  });

  it.each(['envoy/service/auth/v3/attribute_context.proto', 'envoy/service/auth/v3/external_auth.proto'])(
    '%s has every message of Envoy’s',
    (file) => {
      const theirs = outlineOfDescriptor(embeddedDescriptor(envoy, file));
      expect([...ours.get(file)!.keys()].sort()).toEqual([...theirs.keys()].sort());
    },
  );
});

/** The outlines by file. All go into one root, so that the references between them resolve. */
function parseAll(): Map<string, Outline> {
  const root = new protobuf.Root();
  const packages = new Map<string, string>();
  const declared = new Map<string, Set<string>>();
  for (const file of FILES) {
    const source = readFileSync(join(PROTO, file), 'utf8');
    const alone = protobuf.parse(source, new protobuf.Root(), { keepCase: true });
    const namespace = alone.root.lookup(alone.package!) as protobuf.Namespace;
    packages.set(file, alone.package!);
    declared.set(file, new Set(namespace.nestedArray.map((member) => member.fullName)));
    protobuf.parse(source, root, { keepCase: true });
  }
  root.resolveAll();
  return new Map(
    FILES.map((file) => {
      const all = outlineOfNamespace(root.lookup(packages.get(file)!) as protobuf.Namespace);
      const inFile = (name: string) =>
        [...declared.get(file)!].some((top) => name === top || name.startsWith(`${top}.`));
      return [file, new Map([...all].filter(([name]) => inFile(name)))];
    }),
  );
}

/** Sorted lines, which a failing test shows as a difference that reads like the file. */
function readable(outline: Outline): string[] {
  return [...outline].flatMap(([name, lines]) => lines.map((line) => `${name}: ${line}`)).sort();
}
