/**
 * A strict reader of the classic Prometheus text format, for tests: it throws on what a scraper could
 * misread (a sample without its TYPE, a series twice, a label without quotes, a bad number).
 */

export interface Family {
  readonly type: string;
  readonly help: string;
  /** By series name and labels, such as `x_total{a="b"}`. */
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"`;
const SAMPLE = new RegExp(`^(${NAME})(\\{${LABEL}(?:,${LABEL})*\\})? (\\S+)$`);
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/i;

export function parsePrometheusText(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the text does not end with a line feed');
  const families = new Map<string, { type: string; help: string; samples: Map<string, number> }>();
  const helps = new Map<string, string>();
  for (const line of text.split('\n').slice(0, -1)) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string];
      if (kind === 'HELP') helps.set(name, rest);
      else {
        if (families.has(name)) throw new Error(`TYPE of ${name} twice`);
        if (!/^(?:counter|gauge|histogram)$/.test(rest)) throw new Error(`TYPE ${rest}`);
        families.set(name, { type: rest, help: helps.get(name) ?? '', samples: new Map() });
      }
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (sample === null) throw new Error(`no sample: ${line}`);
    const [, name, labels = '', value] = sample as unknown as [string, string, string | undefined, string];
    if (!NUMBER.test(value)) throw new Error(`no number: ${line}`);
    const family = families.get(name) ?? families.get(name.replace(/_(?:bucket|sum|count)$/, ''));
    if (family === undefined) throw new Error(`a sample without its TYPE: ${line}`);
    if (family.type !== 'histogram' && !families.has(name)) throw new Error(`no series of ${family.type}: ${line}`);
    if (family.type === 'counter' && !name.endsWith('_total')) throw new Error(`a counter without _total: ${line}`);
    const series = name + labels;
    if (family.samples.has(series)) throw new Error(`a series twice: ${series}`);
    family.samples.set(series, Number(value.replace('Inf', 'Infinity')));
  }
  return families;
}
