import { describe, expect, it } from '@jest/globals';

import { dashboard } from '../../scripts/write-dashboard.mjs';
import { METRICS, prometheusName } from '../../src/telemetry/names.ts';
import { problemsOf } from './metric-names.ts';
import { textOf } from './support.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

const text = textOf('deploy/dashboards/portcullis.json');
const { panels } = JSON.parse(text) as { readonly panels: readonly Panel[] };
const queries = panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => [title, expr] as const));

describe('deploy/dashboards/portcullis.json', () => {
  it('is what scripts/write-dashboard.mjs writes', () => {
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(dashboard())));
  });

  it.each(queries)('%s asks for metrics that are there: %s', (_, expr) => {
    expect(problemsOf(expr)).toEqual([]);
  });

  it('names in its legends only labels that the query keeps', () => {
    const lost = panels.flatMap(({ targets }) =>
      (targets ?? []).flatMap(({ expr, legendFormat = '' }) =>
        [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].filter(([, label]) => {
          const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1];
          return kept !== undefined && !kept.split(', ').includes(label!);
        }),
      ),
    );
    expect(lost).toEqual([]);
  });

  it('shows every metric', () => {
    const all = queries.map(([, expr]) => expr).join('\n');
    const names = Object.values(METRICS).map(prometheusName);
    expect(names.filter((name) => !new RegExp(`\\b${name}(?:_bucket)?\\b`).test(all))).toEqual([]);
  });

  it('has panels side by side, and none on another', () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });

  it('gives each panel an id of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});
