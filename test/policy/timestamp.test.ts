import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseTimestamp } from '../../src/policy/timestamp.ts';

it.each([
  ['2026-01-01T00:00:00Z', Date.UTC(2026, 0, 1)],
  ['2026-01-01t00:00:00z', Date.UTC(2026, 0, 1)],
  ['2026-01-01T02:30:00+02:30', Date.UTC(2026, 0, 1)],
  ['2025-12-31T19:00:00-05:00', Date.UTC(2026, 0, 1)],
  ['2026-01-01T00:00:00.5Z', Date.UTC(2026, 0, 1) + 500],
  ['2026-01-01T00:00:00.123456789Z', Date.UTC(2026, 0, 1) + 123],
  ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
  ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ['0001-01-01T00:00:00Z', -62_135_596_800_000],
])('%s is a point in time', (text, milliseconds) => {
  expect(parseTimestamp(text)).toBe(milliseconds);
});

it.each([
  '2026-01-01',
  '2026-01-01T00:00:00',
  '2026-01-01 00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-04-00T00:00:00Z',
  '2025-02-29T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:61Z',
  '2026-01-01T00:00:00+24:00',
  '2026-01-01T00:00:00.Z',
  '1767225600',
  '',
])('%j is none', (text) => {
  expect(parseTimestamp(text)).toBeNull();
});

it('reads what Date writes', () => {
  const inFourDigitYears = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(fc.property(inFourDigitYears, (date) => expect(parseTimestamp(date.toISOString())).toBe(date.getTime())));
});
