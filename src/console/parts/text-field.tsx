import { useId } from 'preact/hooks';

export interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly hint?: string;
  readonly wrong?: string | undefined;
  readonly placeholder?: string;
  /** Identities, paths, code. */
  readonly mono?: boolean;
  /** More than one line. */
  readonly lines?: number;
  readonly search?: boolean;
  /** Of a datalist. */
  readonly list?: string;
}

export function TextField({
  label,
  value,
  onValue,
  hint,
  wrong,
  placeholder,
  mono,
  lines,
  search,
  list,
}: TextFieldProps) {
  const id = useId();
  const described = [wrong === undefined ? '' : `${id}-wrong`, hint === undefined ? '' : `${id}-hint`].join(' ').trim();
  const common = {
    id,
    value,
    placeholder,
    autocomplete: 'off',
    spellcheck: false,
    'aria-invalid': wrong !== undefined,
    'aria-describedby': described === '' ? undefined : described,
  } as const;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {lines === undefined ? (
        <input
          {...common}
          type={search === true ? 'search' : 'text'}
          class={mono === true ? 'mono' : undefined}
          list={list}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      ) : (
        <textarea {...common} rows={lines} onInput={(event) => onValue(event.currentTarget.value)} />
      )}
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {wrong !== undefined && (
        <p class="wrong" id={`${id}-wrong`}>
          {wrong}
        </p>
      )}
    </div>
  );
}
