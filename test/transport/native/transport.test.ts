import { NativeTransport } from '../../../src/transport/native/transport.ts';
import { describeTransport } from '../suite/transport-suite.ts';

describeTransport({ name: 'native', create: (log, options) => new NativeTransport(log, options) });
