/** Which metrics and labels a PromQL expression asks for: enough of the language for the expressions of deploy/. */
import { METRICS, prometheusName } from '../../src/telemetry/names.ts';
import type { MetricKind } from '../../src/telemetry/names.ts';

interface Series {
  readonly kind: MetricKind;
  readonly labels: readonly string[];
}

/** What Prometheus itself puts on every series, and what Kubernetes' service discovery does. */
const TARGET_LABELS = ['job', 'instance', 'namespace', 'pod'];

/** By the name that Prometheus stores. */
const SERIES = new Map<string, Series>();
for (const definition of Object.values(METRICS)) {
  const { kind, attributes: labels } = definition;
  const name = prometheusName(definition);
  if (kind === 'histogram') {
    SERIES.set(`${name}_bucket`, { kind, labels: [...labels, 'le'] });
    SERIES.set(`${name}_sum`, { kind, labels });
    SERIES.set(`${name}_count`, { kind, labels });
  } else SERIES.set(name, { kind, labels });
}

/** Functions of PromQL that make sense of counters, and of nothing else. */
const OF_COUNTERS = /(?:rate|increase|irate)\(\s*$/;

/**
 * All that is wrong with an expression's metrics; an empty list is good.
 *
 * @param recorded names of series that recording rules make
 */
export function problemsOf(expression: string, recorded: ReadonlySet<string> = new Set()): string[] {
  const problems: string[] = [];
  const asked = new Set<string>(TARGET_LABELS);
  const selectors = [...expression.matchAll(/\b(?:job:)?(portcullis_[a-z0-9_]+)(?::[a-z0-9_]+)?(\{[^}]*\})?/g)];
  if (selectors.length === 0) problems.push(`no metric of ours: ${expression}`);
  for (const match of selectors) {
    const [whole, name = '', matchers = ''] = match;
    if (whole.startsWith('job:')) {
      if (!recorded.has(whole)) problems.push(`no rule records ${whole}`);
      continue;
    }
    const series = SERIES.get(name);
    if (series === undefined) {
      problems.push(`no metric ${name}`);
      continue;
    }
    for (const label of series.labels) asked.add(label);
    for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (![...series.labels, ...TARGET_LABELS].includes(label)) problems.push(`${name} has no label ${label}`);
    }
    const counts = series.kind !== 'gauge';
    const asCounter = OF_COUNTERS.test(expression.slice(0, match.index));
    if (counts !== asCounter) problems.push(`${name} is a ${series.kind}: ${expression}`);
  }
  for (const [, list = ''] of expression.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g)) {
    for (const label of list.split(',').map((each) => each.trim())) {
      if (!asked.has(label)) problems.push(`nothing has the label ${label}: ${expression}`);
    }
  }
  return problems;
}
