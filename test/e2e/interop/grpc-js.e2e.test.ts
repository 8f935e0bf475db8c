import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, it, jest } from '@jest/globals';

import { decodeCheckResponse } from '../../extauthz/support/messages.ts';
import { openClient } from '../../transport/support/grpc-client.ts';
import { CHECKS, messageOf } from './checks.ts';
import { checksBy, complaintsOf, startDeployment, WAYS, type Deployment, type Way } from './deployment.ts';

// Two cores that run other tests besides can take their time.
jest.setTimeout(60_000);

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
const TIMES = 50;

/** The client library that is closest at hand; those in other languages need more to be there (`npm run test:interop`). */
describe('@grpc/grpc-js as a client of the native transport', () => {
  const deployments: Deployment[] = [];
  afterAll(() => Promise.all(deployments.map((deployment) => deployment.stop())));

  async function clientOf({ way, service, client: files }: Deployment, gzip: boolean) {
    const pem = (file: string) => readFile(file, 'utf8');
    return openClient({
      address: service.address,
      gzip,
      ...(way === 'tls' && { tls: { authority: await pem(files.authority) } }),
      ...(way === 'mtls' && {
        tls: {
          authority: await pem(files.authority),
          certificate: { certificate: await pem(files.certificate), key: await pem(files.key) },
        },
      }),
    });
  }

  it.each(WAYS.map((way): [Way] => [way]))('is answered rightly (%s)', async (way) => {
    const deployment = await startDeployment(way);
    deployments.push(deployment);
    for (const gzip of [false, true]) {
      const client = await clientOf(deployment, gzip);
      const asked = Array.from({ length: TIMES }, () => CHECKS).flat();
      const answers = await Promise.all(asked.map((check) => client.unary(CHECK, messageOf(check))));
      client.close();
      expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([0]));
      const decisions = answers.map(({ message }) => {
        const { okResponse, deniedResponse } = decodeCheckResponse(message!);
        return [okResponse !== undefined && 'allow', deniedResponse !== undefined && 'deny'].find((one) => one);
      });
      expect(decisions).toEqual(asked.map(({ decision }) => decision));
    }
    expect(await checksBy(deployment.service)).toEqual({
      'allow/allow_rule': 4 * TIMES,
      'deny/no_rule_matched': 2 * TIMES,
      'deny/malformed_path': 2 * TIMES,
    });
    expect(complaintsOf(deployment.service)).toEqual([]);
  });
});
