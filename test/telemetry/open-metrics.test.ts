import { describe, expect, it } from '@jest/globals';
import { CACHE_MISS, Metrics } from '../../src/telemetry/metrics.ts';
import { wantsOpenMetrics } from '../../src/telemetry/open-metrics.ts';
import { scrapeText } from './support/scrape.ts';

const OUTCOMES = [
  { decision: 'allow', reason: 'allow_rule' },
  { decision: 'deny', reason: 'deny_rule' },
] as const;
const OPEN_METRICS = 'application/openmetrics-text';
const SPAN = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

describe('the text for a scraper that asks for OpenMetrics', () => {
  it('has the trace of a check beside the bucket that it was counted in, the latest one', async () => {
    const metrics = new Metrics(OUTCOMES);
    metrics.recordCheck(0, CACHE_MISS, 0.000_02, { ...SPAN, spanId: '1111111111111111' });
    metrics.recordCheck(0, CACHE_MISS, 0.000_02, SPAN);
    metrics.recordCheck(0, CACHE_MISS, 0.000_02);
    metrics.recordCheck(1, CACHE_MISS, 99, SPAN);
    const lines = (await scrapeText(metrics, OPEN_METRICS)).split('\n').filter((line) => line.includes(' # '));
    expect(lines).toEqual([
      expect.stringMatching(
        /^portcullis_check_duration_seconds_bucket\{decision="allow",le="0\.000025"\} 3 # \{trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f067aa0ba902b7"\} 0\.00002 \d+(?:\.\d+)?$/,
      ),
      expect.stringMatching(
        /^portcullis_check_duration_seconds_bucket\{decision="deny",le="\+Inf"\} 1 # .* 99 [\d.]+$/,
      ),
    ]);
  });

  it('is the classic one otherwise, but for the names of counters and the end', async () => {
    const metrics = new Metrics(OUTCOMES);
    metrics.recordCheck(0, CACHE_MISS, 0.000_02, SPAN);
    const samples = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.replace(/ # .*/, ''));
    const classic = await scrapeText(metrics);
    const open = await scrapeText(metrics, OPEN_METRICS);
    expect(samples(open)).toEqual(samples(classic));
    expect(open).toContain('# TYPE portcullis_checks counter\n');
    expect(open).toContain('# TYPE target info\n');
    expect(open).not.toMatch(/^# .*_total/m);
    expect(open.endsWith('\n# EOF\n')).toBe(true);
    expect(classic).not.toContain('trace_id');
  });

  it.each([
    // Prometheus 2.42, and 3.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5',
      true,
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      true,
    ],
    ['text/plain;version=0.0.4, application/openmetrics-text', true],
    ['application/openmetrics-text; q=0', false],
    ['text/plain;version=0.0.4;q=1,*/*;q=0.1', false],
    ['text/html', false],
    ['', false],
  ])('%s: %s', (accept, expected) => {
    expect(wantsOpenMetrics(accept)).toBe(expected);
  });
});
