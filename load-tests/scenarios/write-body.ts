/** Writes one of the checks (the first, or the one of the number that is given) as the body of a gRPC call, for h2load. */
import { readFileSync } from 'node:fs';
import { encodeCheckRequest } from '../../test/extauthz/support/messages.ts';
import { frame } from '../../test/transport/support/http2-client.ts';

const checks = JSON.parse(readFileSync(new URL('./checks.json', import.meta.url), 'utf8')) as readonly {
  readonly attributes: Readonly<Record<string, unknown>>;
}[];
const number = Number(process.argv[2] ?? 0);
const check = checks[number];
if (check === undefined) throw new Error(`there are ${checks.length} checks, from 0`);
process.stdout.write(frame(encodeCheckRequest(check.attributes)));
