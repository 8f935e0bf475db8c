import { useEffect, useRef, useState } from 'preact/hooks';
import { asApiError } from '../api/api-error.ts';
import type { ApiError } from '../api/api-error.ts';
import type { Explained } from '../api/answers.ts';
import { useApi, useAsked } from '../app/context.ts';
import { Choice } from '../parts/choice.tsx';
import { ErrorNotice } from '../parts/notice.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { TextField } from '../parts/text-field.tsx';
import { RequestFields } from './request-fields.tsx';
import { EMPTY_FORM, checkRequestOf, formOfDecision, isObject, readJson } from './request-form.ts';
import type { FormProblems, RequestForm } from './request-form.ts';
import { Result } from './result.tsx';

type Asking = 'form' | 'json' | 'id';

/** A CheckRequest to begin from. */
const SAMPLE = JSON.stringify(
  {
    attributes: {
      source: { principal: 'spiffe://cluster.local/ns/edge/sa/gateway' },
      contextExtensions: { namespace: 'shop', serviceAccount: 'orders', 'label.app': 'orders' },
      request: { http: { method: 'GET', host: 'orders.shop.example.com', path: '/orders/7' } },
    },
  },
  null,
  2,
);

interface Config {
  readonly config: { readonly identity?: { readonly jwtMetadata?: string } };
}

export function ExplainPage({ parameters }: { readonly parameters: Readonly<Record<string, string>> }) {
  const api = useApi();
  const asked = parameters['decision'] ?? '';
  const [asking, setAsking] = useState<Asking>(asked === '' ? 'form' : 'id');
  const [form, setForm] = useState<RequestForm>(EMPTY_FORM);
  const [json, setJson] = useState(SAMPLE);
  const [id, setId] = useState(asked);
  const [problems, setProblems] = useState<FormProblems & { readonly json?: string; readonly id?: string }>({});
  const [result, setResult] = useState<Explained | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const config = useAsked<Config>((client, signal) => client.get<Config>('config', {}, signal), '');
  const claimsIn = config.answer?.config.identity?.jwtMetadata ?? '';
  const current = useRef<AbortController | null>(null);
  useEffect(() => () => current.current?.abort(), []);

  const send = (body: unknown): void => {
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    setProblems({});
    setBusy(true);
    const end = (next: Explained | null, failure: ApiError | null): void => {
      if (controller.signal.aborted) return;
      setBusy(false);
      setResult(next);
      setError(failure);
    };
    api.post<Explained>('explain', body, controller.signal).then(
      (next) => end(next, null),
      (cause: unknown) => end(null, asApiError(cause)),
    );
  };
  const sendForm = (next: RequestForm): void => {
    const made = checkRequestOf(next, claimsIn);
    if ('problems' in made) setProblems(made.problems);
    else send(made.request);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (asking === 'form') sendForm(form);
    else if (asking === 'id') {
      if (/^[0-9a-z-]{1,64}$/.test(id.trim())) send({ decisionId: id.trim() });
      else setProblems({ id: 'An id is digits, small letters and dashes, as the decision log has it.' });
    } else {
      const value = readJson(json);
      if (isObject(value)) send(value);
      else setProblems({ json: 'This is no JSON object.' });
    }
  };
  useEffect(() => {
    if (asked === '') return;
    setAsking('id');
    setId(asked);
    send({ decisionId: asked });
  }, [asked]);

  const change = (next: RequestForm): void => {
    setAsking('form');
    setForm(next);
    sendForm(next);
  };
  return (
    <>
      <PageHead title="Explain">
        Why a request is allowed or denied, rule by rule, and what would change that. Nothing is decided for anybody by
        it.
      </PageHead>
      <div class="explain">
        <form class="card card-body explain-form" aria-label="The request" noValidate onSubmit={submit}>
          <Choice<Asking>
            label="What is explained"
            name="asking"
            value={asking}
            options={[
              ['form', 'A request'],
              ['json', 'CheckRequest'],
              ['id', 'Decision'],
            ]}
            onChoose={(next) => {
              setAsking(next);
              setProblems({});
            }}
          />
          {asking === 'form' && <RequestFields form={form} problems={problems} onForm={setForm} />}
          {asking === 'json' && (
            <TextField
              label="CheckRequest as JSON"
              hint='Protobuf JSON, as `portcullis explain` takes it; or its bytes in base64: {"bytes": "…"}.'
              lines={18}
              value={json}
              wrong={problems.json}
              onValue={setJson}
            />
          )}
          {asking === 'id' && (
            <TextField
              label="Decision id"
              hint="From the decision log, the answer's metadata, or the list of decisions."
              mono
              value={id}
              wrong={problems.id}
              onValue={setId}
            />
          )}
          <div class="row">
            <button type="submit" class="button main">
              Explain
            </button>
            {asking === 'form' && (
              <button type="button" class="button" onClick={() => setForm(EMPTY_FORM)}>
                Clear
              </button>
            )}
            <span role="status" class="quiet small">
              {isBusy ? 'Asking …' : ''}
              {Object.keys(problems).length > 0 ? 'Something in the form is not right.' : ''}
            </span>
          </div>
        </form>
        <div class="explain-result stack">
          <ErrorNotice error={error} />
          {result === null ? (
            error === null && <p class="card empty">What the policies make of the request comes here.</p>
          ) : (
            <Result
              result={result}
              form={asking === 'form' ? form : null}
              onTry={({ change: changed }) => change({ ...form, ...changed })}
              onChange={result.decided === null ? null : () => change(formOfDecision(result.decided!))}
            />
          )}
        </div>
      </div>
    </>
  );
}
