import { describe, expect, it } from '@jest/globals';
import { outcomeOf, snapshotOf, testService } from '../../extauthz/support/engine.ts';
import type { Ask } from '../../extauthz/support/engine.ts';
import { access, policiesYaml } from '../../extauthz/support/yaml.ts';
import { utcTime } from '../../e2e/support/der.ts';
import { OID, SAN, certificate, distinguishedName, urlEncodedPem } from '../../lib/x509/certificate.ts';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const GATEWAY = 'spiffe://cluster.local/ns/edge/sa/gateway';
const SETTINGS = {
  defaultAction: 'ALLOW',
  xfcc: { enabled: true, trustedPeers: [GATEWAY], depth: 0 },
} as const;

const named = (value: string): Buffer => distinguishedName([{ oid: OID.commonName, value }]);
const days = (from: string, until: string): Buffer[] => [from, until].map((day) => utcTime(new Date(day)));
const with_ = (options: Parameters<typeof certificate>[0]): Ask => ({
  certificate: urlEncodedPem(certificate(options)),
});

const whole = with_({
  serial: Buffer.from([0, 0xca, 0x01]),
  issuer: named('mesh'),
  subject: named('web'),
  validity: days('2026-05-31', '2026-06-02'),
  names: [
    [SAN.uri, WEB],
    [SAN.dns, 'web.example.com'],
  ],
});
const bare = with_({ names: [] });
const odd = with_({
  names: [
    [SAN.uri, WEB],
    [SAN.dns, '\u00ff'],
  ],
});
const two = with_({
  names: [
    [SAN.uri, WEB],
    [SAN.uri, GATEWAY],
  ],
});
const forwarded = (value: string): Ask => ({ principal: GATEWAY, headers: { 'x-forwarded-client-cert': value } });
const hash = 'ab'.repeat(32);
const none: Ask = {};
const unreadable: Ask = { certificate: 'no certificate' };

/** Does the condition let somebody in, and does it keep somebody out? */
function both(condition: string, ask: Ask): readonly [allow: boolean, deny: boolean] {
  return (['ALLOW', 'DENY'] as const).map((action) =>
    outcomeOf(snapshotOf(policiesYaml([access(action, { condition })]), SETTINGS), ask).startsWith(
      action === 'ALLOW' ? 'allow_rule' : 'deny_rule',
    ),
  ) as unknown as readonly [boolean, boolean];
}

const HOLDS = [true, true] as const;
const HOLDS_NOT = [false, false] as const;
/** Nobody gets in by it, and nobody past it. */
const UNKNOWN = [false, true] as const;

describe('a condition about the certificate of the caller', () => {
  it.each<[string, string, Ask, readonly [boolean, boolean]]>([
    ['serial', 'source.certificate.serial == "ca01"', whole, HOLDS],
    ['another serial', 'source.certificate.serial == "ca02"', whole, HOLDS_NOT],
    [
      'issuer and subject',
      'source.certificate.issuer == "CN=mesh" && source.certificate.subject == "CN=web"',
      whole,
      HOLDS,
    ],
    ['hash', 'source.certificate.sha256.matches("^[0-9a-f]{64}$")', whole, HOLDS],
    ['times', 'source.certificate.notBefore < now && now < source.certificate.notAfter', whole, HOLDS],
    ['a life', 'source.certificate.notAfter - source.certificate.notBefore <= duration("24h")', whole, HOLDS_NOT],
    ['names', `"${WEB}" in source.certificate.uris && "web.example.com" in source.certificate.dnsNames`, whole, HOLDS],
    ['several URIs', `"${GATEWAY}" in source.certificate.uris`, two, HOLDS],
    ['no names', 'size(source.certificate.uris) + size(source.certificate.dnsNames) == 0', bare, HOLDS],
    ['a name that is no text', 'size(source.certificate.dnsNames) == 1', odd, UNKNOWN],
    ['beside a name that is no text', 'source.certificate.serial == "07"', odd, HOLDS],
    ['none', 'has(source.certificate)', none, HOLDS_NOT],
    ['none to look into', 'source.certificate.serial == "07"', none, UNKNOWN],
    ['none that can be read', '!has(source.certificate)', unreadable, UNKNOWN],
    ['none that can be read, in all of the source', '!("certificate" in source)', unreadable, UNKNOWN],
    ['in all of the source', '"certificate" in source && "principal" in source', whole, HOLDS],
    ['what a hop says', `source.certificate.sha256 == "${hash}"`, forwarded(`Hash=${hash};URI=${WEB}`), HOLDS],
    ['what a hop does not say', 'has(source.certificate.serial)', forwarded(`Hash=${hash};URI=${WEB}`), HOLDS_NOT],
    [
      'names that a hop does not say',
      'size(source.certificate.dnsNames) == 0',
      forwarded(`Hash=${hash};URI=${WEB}`),
      UNKNOWN,
    ],
    ['no hash of a hop', 'has(source.certificate)', forwarded(`URI=${WEB}`), HOLDS_NOT],
    ['nonsense of a hop', '!has(source.certificate)', forwarded('Hash="'), UNKNOWN],
  ])('%s', (_what, condition, ask, expected) => {
    expect(both(condition, ask)).toEqual(expected);
  });
});

describe('an answer that depends on the certificate', () => {
  const world = (condition: string): ReturnType<typeof testService> =>
    testService(snapshotOf(policiesYaml([access('ALLOW', { condition })]), SETTINGS));
  const reasons = (condition: string, asks: readonly Ask[]): readonly string[] => {
    const service = world(condition);
    for (const ask of asks) service.check(ask);
    return service.records.map(({ decision }) => decision.reason);
  };
  const serial = (last: number): Ask => with_({ serial: Buffer.from([last]), names: [[SAN.uri, WEB]] });

  it('is not that to another certificate of the same name', () => {
    const asks = [serial(7), serial(7), serial(7), serial(8), serial(8), serial(7)];
    expect(reasons('source.certificate.serial == "07"', asks)).toEqual([
      ...['allow_rule', 'allow_rule', 'allow_rule'],
      ...['no_rule_matched', 'no_rule_matched', 'allow_rule'],
    ]);
  });

  it('is not that to another certificate that a hop names', () => {
    const of = (digit: string): Ask => forwarded(`Hash=${digit.repeat(64)};URI=${WEB}`);
    const asks = [of('a'), of('a'), of('a'), of('b'), of('b'), of('a')];
    expect(reasons('source.certificate.sha256.startsWith("a")', asks)).toEqual([
      ...['allow_rule', 'allow_rule', 'allow_rule'],
      ...['no_rule_matched', 'no_rule_matched', 'allow_rule'],
    ]);
  });

  it('is kept for the same certificate, and for all where no rule looks at it', () => {
    const looks = world('source.certificate.serial != "00"');
    const others = world('source.namespace == "shop"');
    for (const service of [looks, others]) for (const number of [1, 1, 2]) service.check(serial(number));
    expect(looks.records.map(({ cache }) => cache)).toEqual(['miss', 'hit', 'miss']);
    expect(others.records.map(({ cache }) => cache)).toEqual(['miss', 'hit', 'hit']);
  });
});
