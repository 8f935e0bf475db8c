import { GrpcJsTransport } from '../../../src/transport/grpc-js/transport.ts';
import { describeTransport } from '../suite/transport-suite.ts';

describeTransport({ name: 'grpc-js', create: (log, options) => new GrpcJsTransport(log, options) });
