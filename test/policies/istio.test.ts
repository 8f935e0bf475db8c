/** deploy/istio: what Portcullis itself reads of it is taken. What Envoy reads is tested with a real one (test/e2e). */
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { configFor } from '../../src/cli/policies.ts';
import { lintPaths } from '../../src/cli/lint.ts';
import { loadConfig } from '../../src/config/load.ts';

const ISTIO = join(import.meta.dirname, '../../deploy/istio');
const CONFIG = join(ISTIO, 'portcullis.yaml');

describe('the configuration for Istio', () => {
  const { config, diagnostics } = loadConfig({ file: CONFIG });

  it('is taken', () => {
    expect(diagnostics).toEqual([]);
  });

  it("verifies tokens here, and leaves them for Istio's own filter", () => {
    expect(config?.identity).toMatchObject({ jwtMetadata: '', leaveTokens: true, xfcc: { enabled: false } });
  });

  it('asks the API server with what every pod has', () => {
    expect(config?.identity.fetch.targets).toEqual([
      expect.objectContaining({
        url: 'https://kubernetes.default.svc',
        caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
        bearerTokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
        allowLoopback: false,
      }),
    ]);
  });

  it("makes the shop's rules about tokens ones that can allow, with Istio's RequestAuthentication beside them", async () => {
    const { diagnostics: found } = await lintPaths(
      [join(ISTIO, '../../policies'), join(ISTIO, 'request-authentication.yaml')],
      configFor({ config: CONFIG }, {}, {}),
    );
    // The one that is there to be seen; without the RequestAuthentication each rule about tokens would be told of.
    expect(found.map(({ code }) => code)).toEqual(['expired-rule']);
  });
});
