import { describe, expect, it } from '@jest/globals';

import { problemsOf } from './metric-names.ts';

describe('problemsOf', () => {
  it.each([
    'portcullis_ready == 0',
    'sum by (namespace, reason) (rate(portcullis_checks_total{decision="deny",reason!~"a|b"}[5m]))',
    'histogram_quantile(0.99, sum by (le) (rate(portcullis_check_duration_seconds_bucket[5m])))',
  ])('finds nothing wrong with %s', (expression) => {
    expect(problemsOf(expression)).toEqual([]);
  });

  it.each([
    ['portcullis_redy == 0', 'no metric portcullis_redy'],
    ['rate(portcullis_checks_total{verdict="deny"}[5m])', 'portcullis_checks_total has no label verdict'],
    ['portcullis_checks_total > 5', 'portcullis_checks_total is a counter: portcullis_checks_total > 5'],
    ['rate(portcullis_ready[5m])', 'portcullis_ready is a gauge: rate(portcullis_ready[5m])'],
    ['sum by (reason) (portcullis_ready)', 'nothing has the label reason: sum by (reason) (portcullis_ready)'],
    ['rate(portcullis_check_duration_seconds[5m])', 'no metric portcullis_check_duration_seconds'],
    ['job:portcullis_denials:ratio > 1', 'no rule records job:portcullis_denials:ratio'],
    ['up == 0', 'no metric of ours: up == 0'],
  ])('tells what is wrong with %s', (expression, problem) => {
    expect(problemsOf(expression)).toEqual([problem]);
  });
});
