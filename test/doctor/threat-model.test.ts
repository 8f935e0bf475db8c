/** Attacks that only the configuration of Envoy lets happen or not: what doctor says of it. */
/* eslint-disable @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access --
   configurations are changed here as plain data: no types of Envoy and Istio are at hand */
import { describe, expect, it } from '@jest/globals';
import type { FAULTS } from '../../src/doctor/codes.ts';
import { changedEnvoy, changedIstio, look } from './support.ts';
import type { Change, MeshChange } from './support.ts';

function errorsIn(change: Change): string[] {
  const { findings } = look(changedEnvoy(change));
  return findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
}

function errorsInMesh(change: MeshChange): string[] {
  const { findings } = look(changedIstio(change));
  return findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
}

describe('injected header re-routes', () => {
  const byHeader: Change = ({ host }) =>
    host.routes.unshift({
      match: { prefix: '/', headers: [{ name: 'x-tier', string_match: { exact: 'gold' } }] },
      route: { cluster: 'orders' },
    });

  it('is told where an answer can choose the route', () => {
    const clears: Change = (parts) => {
      parts.filter.clear_route_cache = true;
      byHeader(parts);
    };
    expect(errorsIn(clears)).toEqual(['answers-choose-routes']);
    expect(look(changedEnvoy(clears)).findings[0]?.message).toContain('`x-tier`');
  });

  it('is not told where the route stays as it was', () => {
    expect(errorsIn(byHeader)).toEqual([]);
  });

  it('is told where a claim behind the decision can', () => {
    expect(
      errorsIn(({ manager, jwt }) => {
        jwt.typed_config.providers.main.clear_route_cache = true;
        manager.http_filters.splice(1, 0, manager.http_filters.splice(0, 1)[0]);
      }),
    ).toEqual(['tokens-choose-routes']);
  });
});

describe('ways to fail open outside of the service', () => {
  it.each<[string, Change, keyof typeof FAULTS]>([
    ['failure_mode_allow', ({ filter }) => (filter.failure_mode_allow = true), 'fail-open'],
    ['filter_enabled', ({ filter }) => (filter.filter_enabled = { default_value: { numerator: 99 } }), 'asks-a-share'],
    [
      'disabled on a route',
      ({ routes }) =>
        (routes.typed_per_filter_config = {
          'envoy.filters.http.ext_authz': {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
            disabled: true,
          },
        }),
      'route-disabled',
    ],
    ['status_on_error', ({ filter }) => (filter.status_on_error = { code: 200 }), 'status-on-error-success'],
    ['shadow_mode', ({ filter }) => (filter.shadow_mode = true), 'shadow-mode'],
  ])('%s in Envoy is told', (_what, change, code) => {
    expect(errorsIn(change)).toEqual([code]);
  });

  it.each<[string, MeshChange, keyof typeof FAULTS]>([
    ['failOpen', ({ grpc }) => (grpc.failOpen = true), 'fail-open'],
    ['the default timeout', ({ grpc }) => delete grpc.timeout, 'timeout-endless'],
    [
      'a CUSTOM policy for some paths',
      ({ custom }) => (custom.spec.rules = [{ to: [{ operation: { paths: ['/a'] } }] }]),
      'asks-only-some',
    ],
  ])('%s in Istio is told', (_what, change, code) => {
    expect(errorsInMesh(change)).toEqual([code]);
  });
});
