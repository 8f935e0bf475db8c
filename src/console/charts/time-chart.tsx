/**
 * Lines over the last minutes. The picture is for those who see it: beside it stand the newest numbers as text, and all of
 * them in a table that can be opened.
 */
import { useState } from 'preact/hooks';
import { clock } from '../figures/format.ts';
import { areaPath, linePath, roundUp, runs } from './scale.ts';
import type { Point } from './scale.ts';
import { useWidth } from './use-width.ts';

export interface Series {
  readonly name: string;
  /** Its colour, as a class of the style sheet; the dash tells lines apart without it. */
  readonly look: string;
  /** One for each time; null: not known. */
  readonly values: readonly (number | null)[];
}

export interface TimeChartProps {
  readonly title: string;
  /** What the numbers are, for the heading's line. */
  readonly unit: string;
  readonly timesMs: readonly number[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** Values are drawn on top of each other, as areas. */
  readonly stacked?: boolean;
  /** The upper end. Absent: what the values need. */
  readonly max?: number;
  /** What stands there while there is nothing to draw. */
  readonly empty: string;
  /** Times at which the service began anew. */
  readonly restartsMs: readonly number[];
}

const HEIGHT = 148;
const TOP = 10;
const BOTTOM = 20;
/** Room for the numbers at the left. */
const LEFT = 52;
const RIGHT = 6;
/** Rows of the table. */
const TABLE_ROWS = 10;

export function TimeChart(props: TimeChartProps) {
  const { title, unit, timesMs, series, format, empty } = props;
  const [frame, width] = useWidth<HTMLDivElement>();
  const [pointed, setPointed] = useState<number | null>(null);
  const known = timesMs.flatMap((_time, at) => (series.some(({ values }) => values[at] != null) ? [at] : []));
  const newest = known.at(-1);
  const at = pointed !== null && pointed < timesMs.length ? pointed : newest;
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <span class="chart-title">
          {title} <span class="quiet">{unit}</span>
        </span>
        <span class="legend">
          {series.map(({ name, look, values }) => (
            <span key={name} class="legend-item">
              <span class={`swatch ${look}`} aria-hidden="true" />
              {name} <strong class="number">{at === undefined || values[at] == null ? '–' : format(values[at])}</strong>
            </span>
          ))}
        </span>
      </figcaption>
      <div class="chart-frame" ref={frame}>
        {newest === undefined ? (
          <p class="chart-empty quiet">{empty}</p>
        ) : (
          <Drawing {...props} width={width} pointed={pointed} onPoint={setPointed} />
        )}
      </div>
      {newest !== undefined && <Numbers {...props} known={known} />}
    </figure>
  );
}

interface DrawingProps extends TimeChartProps {
  readonly width: number;
  readonly pointed: number | null;
  readonly onPoint: (at: number | null) => void;
}

function Drawing({ timesMs, series, format, stacked = false, max, restartsMs, width, pointed, onPoint }: DrawingProps) {
  const layers = stacked ? stack(series) : series.map(({ values }) => ({ upper: values, lower: null }));
  const top = max ?? roundUp(Math.max(0, ...layers.flatMap(({ upper }) => upper.map((value) => value ?? 0))));
  const [fromMs, toMs] = [timesMs[0]!, timesMs.at(-1)!];
  const inner = { width: Math.max(1, width - LEFT - RIGHT), height: HEIGHT - TOP - BOTTOM };
  const xOf = (ms: number): number => LEFT + (toMs > fromMs ? ((ms - fromMs) / (toMs - fromMs)) * inner.width : 0);
  const yOf = (value: number): number => TOP + inner.height * (1 - Math.min(1, value / top));
  const point = (at: number, value: number): Point => ({ x: xOf(timesMs[at]!), y: yOf(value) });
  const move = (event: PointerEvent & { readonly currentTarget: SVGSVGElement }): void => {
    const share = (event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT) / inner.width;
    onPoint(Math.round(Math.min(1, Math.max(0, share)) * (timesMs.length - 1)));
  };
  return (
    <svg
      class="chart-drawing"
      viewBox={`0 0 ${width} ${HEIGHT}`}
      height={HEIGHT}
      aria-hidden="true"
      onPointerMove={move}
      onPointerLeave={() => onPoint(null)}
    >
      {[0, 0.5, 1].map((share) => (
        <g key={share}>
          <line class="grid" x1={LEFT} x2={width - RIGHT} y1={yOf(top * share)} y2={yOf(top * share)} />
          <text class="axis" x={LEFT - 8} y={yOf(top * share) + 4} text-anchor="end">
            {format(top * share)}
          </text>
        </g>
      ))}
      <text class="axis" x={LEFT} y={HEIGHT - 4}>
        {clock(fromMs)}
      </text>
      <text class="axis" x={width - RIGHT} y={HEIGHT - 4} text-anchor="end">
        {clock(toMs)}
      </text>
      {restartsMs
        .filter((ms) => ms >= fromMs && ms <= toMs)
        .map((ms) => (
          <line key={ms} class="restart" x1={xOf(ms)} x2={xOf(ms)} y1={TOP} y2={HEIGHT - BOTTOM} />
        ))}
      {layers.map(({ upper, lower }, layer) => {
        const { name, look } = series[layer]!;
        const pairs = runs(upper.map((value, at) => (value === null ? null : { at, value, low: lower?.[at] ?? 0 })));
        return (
          <g key={name} class={`series ${look}`}>
            {pairs.map((pair) => {
              const line = pair.map(({ at, value }) => point(at, value));
              return (
                <g key={pair[0]!.at}>
                  {stacked && (
                    <path
                      class="area"
                      d={areaPath(
                        line,
                        pair.map(({ at, low }) => point(at, low)),
                      )}
                    />
                  )}
                  <path class="line" d={linePath(line)} />
                </g>
              );
            })}
          </g>
        );
      })}
      {pointed !== null && timesMs[pointed] !== undefined && (
        <g>
          <line class="pointer" x1={xOf(timesMs[pointed])} x2={xOf(timesMs[pointed])} y1={TOP} y2={HEIGHT - BOTTOM} />
          <text class="axis pointer-time" x={LEFT + inner.width / 2} y={HEIGHT - 4} text-anchor="middle">
            {clock(timesMs[pointed])}
          </text>
        </g>
      )}
    </svg>
  );
}

interface Layer {
  readonly upper: readonly (number | null)[];
  readonly lower: readonly (number | null)[] | null;
}

function stack(series: readonly Series[]): readonly Layer[] {
  let lower: readonly (number | null)[] = series[0]?.values.map((value) => (value === null ? null : 0)) ?? [];
  return series.map(({ values }) => {
    const base = lower;
    const upper = values.map((value, at) => (value === null ? null : value + (base[at] ?? 0)));
    lower = upper;
    return { upper, lower: base };
  });
}

/** The same as a table, a few rows of it. */
function Numbers({ title, timesMs, series, format, known }: TimeChartProps & { readonly known: readonly number[] }) {
  const step = Math.max(1, Math.ceil(known.length / TABLE_ROWS));
  const rows = known.toReversed().filter((_at, index) => index % step === 0);
  return (
    <details class="chart-table">
      <summary>
        Numbers<span class="unseen"> of {title}</span>
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Until</th>
            {series.map(({ name }) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((at) => (
            <tr key={timesMs[at]}>
              <th scope="row">{clock(timesMs[at]!)}</th>
              {series.map(({ name, values }) => (
                <td key={name} class="number">
                  {values[at] == null ? '–' : format(values[at])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
