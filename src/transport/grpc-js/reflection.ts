/** gRPC server reflection (v1 and v1alpha) for the .proto files that are shipped: what grpcurl and the like ask first. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Server, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

export interface Reflection {
  /** Full paths of its methods; all are streams that last as long as the client likes. */
  readonly paths: ReadonlySet<string>;
  addTo(server: Server): void;
}

export const NO_REFLECTION: Reflection = { paths: new Set(), addTo: () => undefined };

/** From `src/transport/grpc-js/` and from `dist/transport/grpc-js/` alike. */
const PROTO_DIRECTORY = fileURLToPath(new URL('../../../proto/', import.meta.url));

/** Reads and indexes the files once; the result can be added to any number of servers. */
export async function loadReflection(): Promise<Reflection> {
  const files = await readdir(PROTO_DIRECTORY, { recursive: true });
  const definition = await load(
    files.filter((file) => file.endsWith('.proto')),
    { includeDirs: [PROTO_DIRECTORY] },
  );
  const services: [ServiceDefinition, UntypedServiceImplementation][] = [];
  new ReflectionService(definition).addToServer({
    addService: (service, implementation) => services.push([service, implementation]),
  });
  return {
    paths: new Set(services.flatMap(([service]) => Object.values(service).map((method) => method.path))),
    addTo: (server) => services.forEach(([service, implementation]) => server.addService(service, implementation)),
  };
}
