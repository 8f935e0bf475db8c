import { useEffect, useRef } from 'preact/hooks';
import type { Explained } from '../api/answers.ts';
import { date } from '../figures/format.ts';
import { Notice } from '../parts/notice.tsx';
import type { RequestForm } from './request-form.ts';
import type { Suggestion } from './suggestion.ts';
import { Verdict } from './verdict.tsx';
import { Way } from './way.tsx';

export interface ResultProps {
  readonly result: Explained;
  readonly form: RequestForm | null;
  readonly onTry: (suggestion: Suggestion) => void;
  /** Takes the decision's request into the form; null: the request came from there. */
  readonly onChange: (() => void) | null;
}

export function Result({ result, form, onTry, onChange }: ResultProps) {
  const { decided, policiesOfDecision, notes, explanation, at } = result;
  const verdict = useRef<HTMLElement>(null);
  // Whoever asked at the end of the form does not see its beginning.
  useEffect(() => verdict.current?.scrollIntoView({ block: 'nearest' }), [result]);
  return (
    <>
      <section class="card card-body verdict-card" aria-labelledby="verdict-title" ref={verdict}>
        <h2 id="verdict-title" class="unseen">
          Verdict
        </h2>
        {decided !== null && (
          <p class="mono verdict-request">
            {decided.method} {decided.host}
            {decided.path}
          </p>
        )}
        <p role="status" class="unseen">
          {explanation === null
            ? 'not explained'
            : `${explanation.decision === 'deny' ? 'denied' : 'allowed'}: ${explanation.reason}`}
        </p>
        <div>
          {explanation === null ? (
            <p>
              {decided === null
                ? 'There is nothing to explain.'
                : `${decided.decision === 'deny' ? 'Denied' : 'Allowed'} because ${decided.meaning}.`}
            </p>
          ) : (
            <Verdict explanation={explanation} form={form} onTry={onTry} />
          )}
        </div>
        {explanation !== null && <Changes explanation={explanation} />}
        {onChange !== null && (
          <p class="row verdict-next">
            <button type="button" class="button" onClick={onChange}>
              Change this request
            </button>
          </p>
        )}
      </section>
      {!policiesOfDecision && (
        <Notice kind="warn">
          <p>
            The policies that decided are not in force any more. This is what the present ones say, as of{' '}
            {date(Date.parse(at))}.
          </p>
        </Notice>
      )}
      {notes.length > 0 && (
        <Notice kind="plain">
          {notes.map((note) => (
            <p key={note}>{note}</p>
          ))}
        </Notice>
      )}
      {explanation !== null && <Way explanation={explanation} />}
    </>
  );
}

/** What an allowed request is given on its way. */
function Changes({ explanation }: { readonly explanation: NonNullable<Explained['explanation']> }) {
  const { headersRemoved, shadow } = explanation;
  const headersSet = Object.entries(explanation.headersSet);
  if (headersSet.length === 0 && headersRemoved.length === 0 && shadow === null) return null;
  return (
    <dl class="facts verdict-changes">
      {headersSet.length > 0 && (
        <>
          <dt>Headers set</dt>
          <dd>
            {headersSet.map(([name, value]) => (
              <div key={name}>
                <code>{`${name}: ${value}`}</code>
              </div>
            ))}
          </dd>
        </>
      )}
      {headersRemoved.length > 0 && (
        <>
          <dt>Headers removed</dt>
          <dd>
            <code>{headersRemoved.join(', ')}</code>
          </dd>
        </>
      )}
      {shadow !== null && (
        <>
          <dt>In shadow mode</dt>
          <dd>
            {shadow.decision === 'deny' ? 'would be denied' : 'would be allowed'}
            {shadow.policy !== null && ` by ${shadow.policy}`}
          </dd>
        </>
      )}
    </dl>
  );
}
