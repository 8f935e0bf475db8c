import { describe, expect, it } from '@jest/globals';
import { ALL_REASONS, reasonFacts } from '../../src/pdp/reason.ts';

describe('every reason', () => {
  it.each(ALL_REASONS)('%s either allows with 200, or denies with a status of its class', (reason) => {
    const { allowed, status, denial, meaning } = reasonFacts(reason);
    expect(meaning).not.toBe('');
    expect(allowed ? [status, denial] : [status >= 400 && status <= 599, denial === null]).toEqual(
      allowed ? [200, null] : [true, false],
    );
  });

  it('that tells of an outage is 503, and none that a caller could choose', () => {
    const outages = ALL_REASONS.filter((reason) => reasonFacts(reason).isOutage);
    expect(outages).toEqual(['not_ready', 'overloaded', 'deadline_exceeded']);
    for (const reason of outages) expect(reasonFacts(reason)).toMatchObject({ status: 503, denial: 'overloaded' });
  });

  it('that allows is one of two', () => {
    expect(ALL_REASONS.filter((reason) => reasonFacts(reason).allowed)).toEqual(['allow_rule', 'default_allow']);
  });
});
