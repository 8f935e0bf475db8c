import type { Decision } from '../api/answers.ts';
import { Choice } from '../parts/choice.tsx';
import { TextField } from '../parts/text-field.tsx';

export interface FilterValues {
  readonly decision: string;
  readonly reason: string;
  readonly policy: string;
  readonly caller: string;
  readonly text: string;
}

export interface FiltersProps {
  readonly values: FilterValues;
  readonly reasons: readonly { readonly decision: string; readonly reason: string }[];
  /** From which policies are offered. */
  readonly rows: readonly Decision[];
  readonly onChange: (change: Partial<FilterValues>) => void;
}

export function Filters({ values, reasons, rows, onChange }: FiltersProps) {
  const { decision, reason, policy, caller, text } = values;
  const offered = reasons.filter((each) => decision === '' || each.decision === decision).map((each) => each.reason);
  const policies = [...new Set([...rows.map((row) => row.policy ?? ''), policy])].filter((name) => name !== '').sort();
  return (
    <form class="toolbar" role="search" aria-label="Decisions" onSubmit={(event) => event.preventDefault()}>
      <div class="field slim">
        <Choice
          label="Decision"
          name="decision"
          value={decision}
          options={[
            ['', 'All'],
            ['deny', 'Denied'],
            ['allow', 'Allowed'],
          ]}
          onChoose={(each) => onChange({ decision: each, reason: '' })}
        />
      </div>
      <div class="field">
        <label for="filter-reason">Reason</label>
        <select id="filter-reason" value={reason} onChange={(event) => onChange({ reason: event.currentTarget.value })}>
          <option value="">any</option>
          {[...new Set([...offered, reason])]
            .filter((each) => each !== '')
            .map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
        </select>
      </div>
      <div class="field">
        <label for="filter-policy">Policy</label>
        <select id="filter-policy" value={policy} onChange={(event) => onChange({ policy: event.currentTarget.value })}>
          <option value="">any</option>
          {policies.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </div>
      <TextField label="Caller" search value={caller} onValue={(value) => onChange({ caller: value })} />
      <TextField label="Text" search value={text} onValue={(value) => onChange({ text: value })} />
    </form>
  );
}
