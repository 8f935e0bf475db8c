import { describe, expect, it, test } from '@jest/globals';
import { FAULTS } from '../../src/doctor/codes.ts';
import { ENVOY_CASES, ISTIO_CASES } from './cases.ts';
import { changedEnvoy, changedIstio, facts, found, look } from './support.ts';

const MANAGER = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config';

function wholePath(path: string): string {
  return path
    .replace(/^\^/, `${MANAGER}.http_filters[1].typed_config`)
    .replace(/^~/, MANAGER)
    .replace(/^@/, 'static_resources.clusters[0]');
}

describe('in what Envoy is configured with', () => {
  it('finds nothing in what is recommended', () => {
    expect(found(changedEnvoy())).toEqual([]);
    expect(found(changedEnvoy(), facts({ 'clientIp.useRemoteAddress': true }))).toEqual([]);
  });

  it.each(ENVOY_CASES.map((each) => [each.code, each.what, each] as const))(
    'finds %s: %s',
    (code, _what, { change, path, config, also = [] }) => {
      const { findings, problems } = look(changedEnvoy(change), config === undefined ? null : facts(config));
      expect(problems).toEqual([]);
      expect(findings.map((finding) => finding.code).sort()).toEqual([code, ...also].sort());
      expect(findings.find((finding) => finding.code === code)).toMatchObject({
        path: wholePath(path),
        severity: FAULTS[code].severity,
        risk: FAULTS[code].risk,
        hint: FAULTS[code].mend,
      });
    },
  );
});

describe('in what Istio is configured with', () => {
  it('finds nothing in what is recommended', () => {
    expect(found(changedIstio())).toEqual([]);
    expect(found(changedIstio(), facts({}))).toEqual([]);
  });

  it.each(ISTIO_CASES.map((each) => [each.code, each.what, each] as const))(
    'finds %s: %s',
    (code, _what, { change, at, config, also = [] }) => {
      const { findings, problems } = look(changedIstio(change), config === undefined ? null : facts(config));
      expect(problems).toEqual([]);
      expect(findings.map((finding) => finding.code).sort()).toEqual([code, ...also].sort());
      const finding = findings.find((each) => each.code === code)!;
      expect(`${finding.position.file} ${finding.path}`).toBe(at);
    },
  );
});

test('every fault has an example', () => {
  const shown = new Set<string>([...ENVOY_CASES, ...ISTIO_CASES].map(({ code }) => code));
  expect(Object.keys(FAULTS).filter((code) => !shown.has(code))).toEqual([
    // Of the input as a whole: input.test.ts.
    'nothing-to-check',
    'unknown-document',
    'too-many-findings',
    'update-refused',
    'provider-not-shown',
    'policies-not-shown',
  ]);
});
