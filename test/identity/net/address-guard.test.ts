import { describe, expect, test } from '@jest/globals';
import { guardedLookup, refusalOf } from '../../../src/identity/net/address-guard.ts';
import type { Resolve } from '../../../src/identity/net/address-guard.ts';

const NOTHING = { allowLoopback: false };

describe('JWKS SSRF, redirects, internal IPs: addresses', () => {
  test.each([
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '64:ff9b::127.0.0.1',
    '2002:7f00:1::',
  ])('%s is loopback: only when that is allowed', (address) => {
    expect(refusalOf(address, NOTHING)).toBe('is a loopback address');
    expect(refusalOf(address, { allowLoopback: false, allowLinkLocal: true })).not.toBeNull();
    expect(refusalOf(address, { allowLoopback: true })).toBeNull();
  });

  test.each([
    '169.254.169.254',
    '169.254.0.1',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
    '192.0.0.192',
  ])('%s is link-local or a metadata service: loopback being allowed does not allow it', (address) => {
    expect(refusalOf(address, NOTHING)).toBe('is a link-local or metadata address');
    expect(refusalOf(address, { allowLoopback: true })).toBe('is a link-local or metadata address');
    expect(refusalOf(address, { allowLoopback: false, allowLinkLocal: true })).toBeNull();
  });

  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '224.0.0.1',
    '239.255.255.250',
    'ff02::1',
    '255.255.255.255',
    '240.0.0.1',
    '::ffff:0.0.0.0',
  ])('%s is never dialled', (address) => {
    expect(refusalOf(address, { allowLoopback: true, allowLinkLocal: true })).toBe(
      'is an unspecified, multicast or reserved address',
    );
  });

  test.each(['', 'localhost', '127.1', '0177.0.0.1', '2130706433', '0x7f.0.0.1', '127.0.0.1 ', '[::1]'])(
    '%j is no address',
    (text) => {
      expect(refusalOf(text, { allowLoopback: true, allowLinkLocal: true })).toBe('is no IP address');
    },
  );

  test.each([
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    'fd12::1',
    '93.184.216.34',
    '2001:db8::1',
    '::ffff:10.0.0.1',
  ])('%s is ordinary', (address) => {
    expect(refusalOf(address, NOTHING)).toBeNull();
  });
});

describe('the lookup of a connection', () => {
  const resolveTo =
    (...addresses: readonly string[]): Resolve =>
    (_hostname, done) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  const lookUp = (resolve: Resolve, all: boolean): Promise<unknown> =>
    new Promise((done, fail) =>
      guardedLookup(resolve, NOTHING)('issuer.test', { all }, (error, found) =>
        error === null ? done(found) : fail(error),
      ),
    );

  test('leaves out what may not be dialled', async () => {
    const resolve = resolveTo('127.0.0.1', '10.0.0.1', '::1', 'fd12::1');
    await expect(lookUp(resolve, true)).resolves.toEqual([
      { address: '10.0.0.1', family: 4 },
      { address: 'fd12::1', family: 6 },
    ]);
    await expect(lookUp(resolve, false)).resolves.toBe('10.0.0.1');
  });

  test.each([
    [['127.0.0.1', '::1'], "the host's address is a loopback address"],
    [[], "the host's address is missing"],
  ])('fails when nothing of %j is left', async (addresses, message) => {
    await expect(lookUp(resolveTo(...addresses), true)).rejects.toMatchObject({ failure: 'address', message });
  });

  test('tells the code of an error of the name server, and no more', async () => {
    const error = Object.assign(new Error('secret.name has no address'), { code: 'ENOTFOUND' });
    await expect(lookUp((_hostname, done) => done(error, []), true)).rejects.toMatchObject({
      failure: 'connection',
      message: 'name of the host: ENOTFOUND',
    });
  });
});
