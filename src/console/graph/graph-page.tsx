import { useMemo } from 'preact/hooks';
import type { Traffic } from '../api/answers.ts';
import { allGrants } from '../api/pages.ts';
import { usePolled } from '../app/context.ts';
import { replaceParameters } from '../app/route.ts';
import { count, date } from '../figures/format.ts';
import { Choice } from '../parts/choice.tsx';
import { ErrorNotice } from '../parts/notice.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { TextField } from '../parts/text-field.tsx';
import { LinkTable } from './link-table.tsx';
import { graphOf } from './model.ts';
import type { Graph, LinkState } from './model.ts';
import { Picture } from './picture.tsx';
import { COLUMNS, linksOf, viewOf } from './view.ts';
import type { GraphView } from './view.ts';

const GRANTS_EVERY_MS = 30_000;
const TRAFFIC_EVERY_MS = 5000;
const TRAFFIC_EDGES = 1000;

const STATES: readonly (readonly [LinkState, string])[] = [
  ['used', 'allowed and seen'],
  ['unused', 'allowed, never seen'],
  ['denied', 'denied'],
  ['forbidden', 'DENY rules'],
];

export function GraphPage({ parameters }: { readonly parameters: Readonly<Record<string, string>> }) {
  const { focus = '', text = '', without = '' } = parameters;
  const shape = parameters['shape'] ?? (matchMedia('(max-width: 760px)').matches ? 'table' : 'picture');
  const hidden = new Set(without.split(' '));
  const grants = usePolled((api, signal) => allGrants(api, {}, signal), GRANTS_EVERY_MS, '');
  const traffic = usePolled(
    (api, signal) => api.get<Traffic>('traffic', { limit: TRAFFIC_EDGES }, signal),
    TRAFFIC_EVERY_MS,
    '',
  );
  const graph = useMemo(
    () =>
      grants.answer === null
        ? null
        : graphOf(grants.answer.grants, grants.answer.workloads, traffic.answer?.edges ?? []),
    [grants.answer, traffic.answer],
  );
  const { links, view } = useMemo(() => {
    const states = new Set(STATES.flatMap(([state]) => (hidden.has(state) ? [] : [state])));
    const wanted = graph === null ? [] : linksOf(graph, { focus, text, states });
    return { links: wanted, view: graph === null ? null : viewOf(graph, wanted, focus) };
  }, [graph, focus, text, without]);
  const change = (next: Readonly<Record<string, string>>): void =>
    replaceParameters('graph', { ...parameters, ...next });
  return (
    <>
      <PageHead
        title="Graph"
        end={
          <Choice
            label="How it is shown"
            name="shape"
            value={shape}
            options={[
              ['picture', 'Picture'],
              ['table', 'Table'],
            ]}
            onChoose={(next) => change({ shape: next })}
          />
        }
      >
        Who may call what by the policies in force, and what of it was seen
        {traffic.answer !== null && ` since ${date(Date.parse(traffic.answer.since))}`}. Choose a caller or a workload
        to see it alone.
      </PageHead>
      <form class="toolbar" role="search" aria-label="Graph" onSubmit={(event) => event.preventDefault()}>
        <TextField label="Text" search value={text} onValue={(value) => change({ text: value })} />
        <FocusSelect graph={graph} focus={focus} onFocus={(id) => change({ focus: id })} />
        <fieldset class="field slim graph-states">
          <legend class="field-name">Lines</legend>
          <div class="row">
            {STATES.map(([state, name]) => (
              <label key={state} class="graph-state">
                <input
                  type="checkbox"
                  checked={!hidden.has(state)}
                  onChange={() => change({ without: toggled(hidden, state) })}
                />
                <svg class="graph-sample" viewBox="0 0 22 8" aria-hidden="true">
                  <path class={`line ${state}`} d="M1 4H21" stroke-width="2" />
                </svg>
                {name}
              </label>
            ))}
          </div>
        </fieldset>
      </form>
      <ErrorNotice error={grants.error ?? traffic.error} />
      <p class="quiet small graph-said" role="status">
        {graph === null ? 'Asking …' : saidOf(graph, focus, links.length)}
        {shape === 'picture' && view !== null && leftText(view)}
        {grants.answer?.isWhole === false && ` Only the first ${count(grants.answer.grants.length)} rules are in it.`}
        {traffic.answer !== null && !traffic.answer.exact && ' Counts are estimates from a sample.'}
      </p>
      {graph !== null && view !== null && (
        <div class="stack">
          {links.length === 0 && <p class="card empty">Nothing is like that.</p>}
          {links.length > 0 && shape === 'picture' && (
            <Picture view={view} focus={focus} onFocus={(id) => change({ focus: id })} />
          )}
          {links.length > 0 && (shape === 'table' || focus !== '') && (
            <LinkTable graph={graph} links={links} label="Who may call what" />
          )}
        </div>
      )}
    </>
  );
}

function toggled(hidden: ReadonlySet<string>, state: LinkState): string {
  const next = new Set(hidden);
  if (!next.delete(state)) next.add(state);
  return [...next].join(' ').trim();
}

function saidOf({ nodes }: Graph, focus: string, links: number): string {
  const focused = nodes.get(focus);
  if (focused === undefined) return `${count(links)} links.`;
  const what = { caller: 'calls of', workload: 'calls to', operation: 'calls of' }[focused.column];
  return `${count(links)} ${what} ${focused.text}.`;
}

function leftText({ left }: GraphView): string {
  const words = COLUMNS.flatMap((column) => (left[column] > 0 ? [`${count(left[column])} ${column}s`] : []));
  return words.length === 0
    ? ''
    : ` There is no room for ${words.join(' and ')} more: choose one, filter, or take the table.`;
}

interface FocusSelectProps {
  readonly graph: Graph | null;
  readonly focus: string;
  readonly onFocus: (id: string) => void;
}

function FocusSelect({ graph, focus, onFocus }: FocusSelectProps) {
  const nodes = [...(graph?.nodes.values() ?? [])].sort((one, other) => (one.text < other.text ? -1 : 1));
  const group = (column: 'caller' | 'workload', label: string) => (
    <optgroup label={label}>
      {nodes
        .filter((node) => node.column === column)
        .map(({ id, text }) => (
          <option key={id} value={id}>
            {text}
          </option>
        ))}
    </optgroup>
  );
  return (
    <div class="field">
      <label for="graph-focus">Only</label>
      <select id="graph-focus" value={focus} onChange={(event) => onFocus(event.currentTarget.value)}>
        <option value="">everything</option>
        {graph?.nodes.get(focus)?.column === 'operation' && (
          <option value={focus}>{graph.nodes.get(focus)?.text}</option>
        )}
        {group('workload', 'Workloads')}
        {group('caller', 'Callers')}
      </select>
    </div>
  );
}
