/** grpc-js writes to the console by itself. What it has to say goes to the transport's log instead. */
import { setLogger } from '@grpc/grpc-js';
import type { TransportLog } from '../transport.ts';

/** For the whole process, as grpc-js has one logger; `GRPC_VERBOSITY` and `GRPC_TRACE` still say how much it tells. */
export function redirectGrpcLog(log: TransportLog): void {
  const to =
    (level: 'debug' | 'info' | 'error') =>
    (...words: unknown[]): void =>
      log(level, 'grpc-js', { text: words.map(String).join(' ') });
  setLogger({ debug: to('debug'), info: to('info'), error: to('error') });
}
