import { describe, expect, it } from '@jest/globals';

import { problemsOf } from './metric-names.ts';
import { textOf, yamlOf } from './support.ts';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleTest {
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
}

const { groups } = yamlOf('deploy/alerts/portcullis.rules.yaml') as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined);
const recorded = new Set(rules.flatMap(({ record }) => record ?? []));

const { tests } = yamlOf('deploy/alerts/portcullis.test.yaml') as { readonly tests: readonly RuleTest[] };
const cases = tests.flatMap((test) => test.alert_rule_test);
const namesOf = (of: (alerted: number) => boolean): string[] =>
  [...new Set(cases.filter((each) => of(each.exp_alerts.length)).map(({ alertname }) => alertname))].sort();

const runbook = textOf('docs/runbook.md');
const sections = runbook.split(/^## /m).slice(1);
const sectionOf = (alert: string): string | undefined => sections.find((section) => section.startsWith(`${alert}\n`));

describe('deploy/alerts/portcullis.rules.yaml', () => {
  it.each(rules.map(({ alert, record, expr }) => [alert ?? record, expr]))(
    '%s asks for metrics that are there',
    (_, expr) => {
      expect(problemsOf(expr!, recorded)).toEqual([]);
    },
  );

  describe.each(alerts)('$alert', ({ alert, labels, annotations }) => {
    it('says what it is about, how bad it is, and where to read on', () => {
      expect(labels?.severity).toMatch(/^(?:critical|warning)$/);
      expect(annotations).toEqual({
        summary: expect.stringMatching(/\.$/),
        description: expect.stringMatching(/\.$/),
        runbook_url: `docs/runbook.md#${alert.toLowerCase()}`,
      });
    });

    it('has a section in the runbook: how to see it, and what to do', () => {
      expect(sectionOf(alert)).toMatch(/^- See: [^]*^- Do: /m);
    });
  });

  it('has every alert fire in a test, and stay silent in another', () => {
    const names = alerts.map(({ alert }) => alert).sort();
    expect(namesOf((alerted) => alerted > 0)).toEqual(names);
    expect(namesOf((alerted) => alerted === 0)).toEqual(names);
  });
});

describe('docs/runbook.md', () => {
  it('has no section of an alert that is gone', () => {
    const titles = sections.map((section) => section.slice(0, section.indexOf('\n')));
    expect(titles.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });
});
