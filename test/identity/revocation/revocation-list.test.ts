import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Claim } from '../../../src/attributes/claim.ts';
import { toByteString } from '../../../src/attributes/bytes.ts';
import { MAX_REVOCATIONS, RevocationError, RevocationList } from '../../../src/identity/revocation/revocation-list.ts';
import { PARAMETERS, named } from '../../property/runs.ts';

const NOW_MS = 1_000_000_000;
const ISS = 'https://issuer.example';

const list = (...entries: readonly unknown[]): RevocationList =>
  RevocationList.parse(toByteString(JSON.stringify({ revoked: entries })));
const isRevoked = (revocations: RevocationList, claims: Record<string, Claim>, nowMs = NOW_MS): boolean =>
  revocations.isRevoked(new Map(Object.entries(claims)), nowMs);

function problemOf(text: string): string {
  try {
    RevocationList.parse(toByteString(text));
    return 'none';
  } catch (error) {
    if (!(error instanceof RevocationError)) throw error;
    return error.message;
  }
}

describe('RevocationList', () => {
  it('revokes a token by its issuer and id', () => {
    const revocations = list({ iss: ISS, jti: 'a' });
    expect(isRevoked(revocations, { iss: ISS, jti: 'a' })).toBe(true);
    expect(isRevoked(revocations, { iss: ISS, jti: 'b' })).toBe(false);
    expect(isRevoked(revocations, { iss: `${ISS}/`, jti: 'a' })).toBe(false);
    expect(isRevoked(revocations, { jti: 'a' })).toBe(false);
    expect(isRevoked(revocations, { iss: ISS })).toBe(false);
    expect(isRevoked(revocations, { iss: ISS, jti: ['a'] })).toBe(false);
  });

  it('revokes what a subject had been given before a time', () => {
    const revocations = list(
      { iss: ISS, sub: 'ann', issuedBefore: 5000 },
      { iss: ISS, sub: 'ann', issuedBefore: 4000 },
    );
    const issued = (iat: Claim): boolean => isRevoked(revocations, { iss: ISS, sub: 'ann', iat });
    expect(issued(4999.9)).toBe(true);
    expect(issued(5000)).toBe(false);
    expect(issued('6000')).toBe(true);
    expect(isRevoked(revocations, { iss: ISS, sub: 'ann' })).toBe(true);
    expect(isRevoked(revocations, { iss: ISS, sub: 'bob', iat: 1 })).toBe(false);
  });

  it('does not believe in a token of the future, or without a clock', () => {
    const revocations = list({ iss: ISS, sub: 'ann', issuedBefore: 2_000_000 });
    expect(isRevoked(revocations, { iss: ISS, sub: 'ann', iat: 3_000_000 })).toBe(true);
    expect(isRevoked(revocations, { iss: ISS, sub: 'ann', iat: 3_000_000 }, 4_000_000_000)).toBe(false);
    expect(isRevoked(revocations, { iss: ISS, sub: 'ann', iat: 3_000_000 }, NaN)).toBe(true);
  });

  it('reads names beyond ASCII as tokens have them', () => {
    expect(isRevoked(list({ iss: ISS, jti: 'schlüssel' }), { iss: ISS, jti: toByteString('schlüssel') })).toBe(true);
  });

  it('has a version of its own, and a size', () => {
    const [first, second] = [list({ iss: ISS, jti: 'a' }), list({ iss: ISS, jti: 'a' }, { iss: ISS, jti: 'a' })];
    expect(new Set([first.version, second.version, RevocationList.NONE.version]).size).toBe(3);
    expect([first.size, second.size, RevocationList.NONE.size]).toEqual([1, 1, 0]);
  });

  it.each([
    ['', 'line 1, column 1: a value was expected'],
    ['{\n  "revoked": [\n    {"iss": "a", "jti": }\n  ]\n}', 'line 3, column 25: a value was expected'],
    ['{"revoked": [], "revoked": []}', 'line 1, column 17: a member name twice'],
    ['[]', 'not an object with the member `revoked`'],
    ['{}', '`revoked` is not a list'],
    ['{"revoked": {}}', '`revoked` is not a list'],
    ['{"revoked": [], "more": 1}', 'unknown member `more`'],
    ['{"revoked": ["a"]}', 'revoked[0] is not an object'],
    ['{"revoked": [{"iss": "a", "jti": "b"}, {"jti": "b"}]}', 'revoked[1].iss is missing'],
    ['{"revoked": [{"iss": "", "jti": "b"}]}', 'revoked[0].iss is not a string of 1 to 2048 bytes'],
    ['{"revoked": [{"iss": "a", "jti": 7}]}', 'revoked[0].jti is not a string of 1 to 2048 bytes'],
    ['{"revoked": [{"iss": "a", "jti": "b", "sub": "c"}]}', 'revoked[0] has the unknown member `sub`'],
    ['{"revoked": [{"iss": "a"}]}', 'revoked[0].sub is missing'],
    ['{"revoked": [{"iss": "a", "sub": "c"}]}', 'revoked[0].issuedBefore is missing'],
    [
      '{"revoked": [{"iss": "a", "sub": "c", "issuedBefore": "1"}]}',
      'revoked[0].issuedBefore is not a number of seconds since the epoch',
    ],
    [
      '{"revoked": [{"iss": "a", "sub": "c", "issuedBefore": 1900000000000}]}',
      'revoked[0].issuedBefore is not a number of seconds since the epoch',
    ],
    ['{"revoked": [{"iss": "a", "sub": "c", "issuedBefore": 1, "exp": 1}]}', 'revoked[0] has the unknown member `exp`'],
  ])('refuses %j: %s', (text, problem) => {
    expect(problemOf(text)).toBe(problem);
  });

  it('refuses more than it can hold', () => {
    const entries = Array<string>(MAX_REVOCATIONS + 1)
      .fill('{"iss":"a","jti":"b"}')
      .join();
    expect(problemOf(`{"revoked":[${entries}]}`)).toBe(`${MAX_REVOCATIONS + 1} entries, more than ${MAX_REVOCATIONS}`);
  });

  it(named('revokes what it lists and nothing else'), () => {
    const name = fc.string({ unit: fc.constantFrom(...'ab:1'), minLength: 1, maxLength: 3 });
    const entry = fc.record({ iss: name, jti: name });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), entry, (entries, claims) => {
        const listed = entries.some(({ iss, jti }) => iss === claims.iss && jti === claims.jti);
        expect(isRevoked(list(...entries), claims)).toBe(listed);
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 10 },
    );
  });
});
