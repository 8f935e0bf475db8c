import { describe, expect, it } from '@jest/globals';
import { trustDomains } from '../../../src/policy/compile/trust-domain.ts';

describe('trust-domain aliases', () => {
  const domains = trustDomains('td1', ['td2', 'some-td', 'td1']);

  it.each([
    ['td1/ns/foo/sa/a', ['td1/ns/foo/sa/a', 'td2/ns/foo/sa/a', 'some-td/ns/foo/sa/a']],
    ['td2/ns/foo/sa/a', ['td1/ns/foo/sa/a', 'td2/ns/foo/sa/a', 'some-td/ns/foo/sa/a']],
    // The name for the mesh's own trust domain, whatever that is; it is then no trust domain of its own.
    ['cluster.local/ns/foo/sa/a', ['td1/ns/foo/sa/a', 'td2/ns/foo/sa/a', 'some-td/ns/foo/sa/a']],
    ['*-td/ns/foo/sa/a', ['td1/ns/foo/sa/a', 'td2/ns/foo/sa/a', '*-td/ns/foo/sa/a']],
    ['other/ns/foo/sa/a', ['other/ns/foo/sa/a']],
    ['*/ns/foo/sa/a', ['*/ns/foo/sa/a']],
    ['td1/ns/foo/*', ['td1/ns/foo/*']],
    ['cluster.local/*', ['cluster.local/*']],
    ['td1/ns/foo/sa/a/b', ['td1/ns/foo/sa/a/b']],
    ['*', ['*']],
  ])('make of the principal %s %j', (value, expanded) => {
    expect(domains.expandPrincipal(value)).toEqual(expanded);
  });

  it.each([
    ['td2', ['td1', 'td2', 'some-td']],
    ['cluster.local', ['cluster.local']],
    ['td*', ['td*']],
    ['other', ['other']],
  ])('make of the trust domain %s %j', (value, expanded) => {
    expect(domains.expandTrustDomain(value)).toEqual(expanded);
  });

  it('are ours, and nothing else is', () => {
    expect([...domains.ours]).toEqual(['td1', 'td2', 'some-td']);
  });
});
