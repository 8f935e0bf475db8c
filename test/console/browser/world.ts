/** The shop of the demo, with people who ask it all the time: what a console has to show. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROWS } from '../../e2e/demo/rows.ts';
import { certificateOfCaller, hostOf, startDemo } from '../../e2e/demo/shop.ts';
import type { Caller, Demo, Workload } from '../../e2e/demo/shop.ts';
import { clientWith } from '../../e2e/support/identities.ts';
import { sendHttp1 } from '../../e2e/support/http1-client.ts';
import type { HeaderLine } from '../../e2e/support/headers.ts';
import type { Service } from '../../e2e/support/service.ts';

const POLICIES = join(import.meta.dirname, '..', '..', '..', 'policies');

export interface ConsoleWorld {
  readonly demo: Demo;
  readonly service: Service;
  /** Of a page, such as `overview`. */
  address(page: string): string;
  /** One request through Envoy. */
  ask(request: ShopRequest): Promise<number>;
  stop(): Promise<void>;
}

export interface ShopRequest {
  readonly who: Caller;
  readonly workload: Workload;
  readonly method?: string;
  readonly path: string;
  readonly headers?: readonly HeaderLine[];
}

/** Between two requests of the people in the background: some dozens a second, beside which a browser has room. */
const PAUSE_MS = 15;

export async function startConsoleWorld(): Promise<ConsoleWorld> {
  const demo = await startDemo({ policies: policyFiles() });
  const service = demo.services.portcullis;
  const ask = async ({ who, workload, method = 'GET', path, headers = [] }: ShopRequest): Promise<number> => {
    const target = demo.envoy.target(workload, clientWith(certificateOfCaller(who), hostOf(workload)));
    return (await sendHttp1(target, { method, path, host: hostOf(workload), headers })).status;
  };
  const traffic = new AbortController();
  const ended = keepAsking(demo, ask, traffic.signal);
  return {
    demo,
    service,
    address: (page) => `${service.adminUrl}/console/#/${page}`,
    ask,
    async stop() {
      traffic.abort();
      await ended;
      await demo.stop();
    },
  };
}

/** Everything of the demo's table that a browser could have sent, from the first row to the last, again and again. */
async function keepAsking(demo: Demo, ask: ConsoleWorld['ask'], signal: AbortSignal): Promise<void> {
  const rows = ROWS.filter(
    ({ grpc, workload }) => grpc !== true && workload !== 'staging' && workload !== 'production',
  );
  for (let at = 0; !signal.aborted; at += 1) {
    const { who, workload, method, path, headers = [], token } = rows[at % rows.length]!;
    const proof = token === undefined ? [] : [await demo.proofOf(token)];
    const request = {
      who,
      workload,
      path,
      headers: [...headers, ...proof],
      ...(method === undefined ? {} : { method }),
    };
    // Envoy denies while the service is away, as it should: that is no reason to stop.
    await ask(request).catch(() => null);
    await sleep(PAUSE_MS);
  }
}

/** A copy, so that a test can break it. */
function policyFiles(): Readonly<Record<string, string>> {
  const files = readdirSync(POLICIES, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.yaml') && !path.includes('.test.') && !path.startsWith('schema'),
  );
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(POLICIES, path), 'utf8')]));
}
