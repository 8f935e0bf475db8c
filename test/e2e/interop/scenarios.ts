import { fileURLToPath } from 'node:url';

import { startService } from '../support/service.ts';
import { startWorld } from '../support/world.ts';
import { runProgram } from './client.ts';
import { checksBy, complaintsOf, POLICIES, UNBOUNDED } from './deployment.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The commands of load-tests/scenarios, each against what it is made for. Returns the names of those that failed, and why. */
export async function tryScenarios(total: number): Promise<string[]> {
  return [...(await direct(total)), ...(await throughEnvoy(total))];
}

async function script(name: string, args: readonly string[]): Promise<string> {
  const { code, output } = await runProgram(`${ROOT}load-tests/scenarios/${name}`, args);
  return code === 0 ? output : `left with ${String(code)}: ${output}`;
}

const all = String;

async function direct(total: number): Promise<string[]> {
  const service = await startService({
    policies: `${ROOT}policies`,
    config: { transport: 'native', overload: UNBOUNDED },
  });
  try {
    const problems: string[] = [];
    // `--duration 0` and `-D 0`: a number of calls in place of the ten seconds.
    const ghz = await script('ghz-direct.sh', [service.address, '--duration', '0', '--total', all(total)]);
    if (!ghz.includes(`[OK]   ${total} responses`)) problems.push(`ghz-direct.sh: ${ghz}`);
    const h2load = await script('h2load-direct.sh', [`http://${service.address}`, '-D', '0', '-n', all(total)]);
    if (!h2load.includes(`${total} succeeded, 0 failed`)) problems.push(`h2load-direct.sh: ${h2load}`);
    // ghz takes the two checks in turn, h2load the first one only.
    const expected = JSON.stringify({ 'allow/allow_rule': total / 2 + total, 'deny/no_rule_matched': total / 2 });
    const answered = JSON.stringify(await checksBy(service));
    if (answered !== expected) problems.push(`the scenarios' checks were answered ${answered}, and not ${expected}`);
    return [...problems, ...complaintsOf(service)];
  } finally {
    await service.remove();
  }
}

async function throughEnvoy(total: number): Promise<string[]> {
  const world = await startWorld({
    services: { portcullis: { policies: POLICIES, config: { transport: 'native', overload: UNBOUNDED } } },
    listeners: [
      {
        name: 'plaintext',
        routes: [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }],
      },
    ],
  });
  try {
    const { host, port } = world.envoy.target('plaintext');
    const address = `${host}:${port}`;
    const problems: string[] = [];
    // The upstream has no health service, and says so: the call got there.
    const ghz = await script('ghz-envoy.sh', [address, '--insecure', '--duration', '0', '--total', all(total)]);
    if (!ghz.includes(`[Unimplemented]   ${total} responses`)) problems.push(`ghz-envoy.sh: ${ghz}`);
    const h2load = await script('h2load-envoy.sh', [`http://${address}/open/door`, '-D', '0', '-n', all(total)]);
    if (!h2load.includes(`status codes: ${total} 2xx`)) problems.push(`h2load-envoy.sh: ${h2load}`);
    const answered = await checksBy(world.services.portcullis);
    if (answered['allow/allow_rule'] !== 2 * total)
      problems.push(`the scenarios through Envoy were answered ${JSON.stringify(answered)}`);
    return [...problems, ...complaintsOf(world.services.portcullis)];
  } finally {
    await world.stop();
  }
}
