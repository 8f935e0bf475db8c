import { TextField } from '../parts/text-field.tsx';
import type { FormProblems, RequestForm } from './request-form.ts';

export interface RequestFieldsProps {
  readonly form: RequestForm;
  readonly problems: FormProblems;
  readonly onForm: (form: RequestForm) => void;
}

export function RequestFields({ form, problems, onForm }: RequestFieldsProps) {
  const field = (name: keyof RequestForm) => ({
    value: form[name],
    wrong: problems[name],
    onValue: (value: string) => onForm({ ...form, [name]: value }),
    mono: true,
  });
  return (
    <>
      <fieldset class="stack">
        <legend>Who calls</legend>
        <TextField
          label="Principal"
          hint="SPIFFE ID of the caller's certificate; empty: none."
          placeholder="cluster.local/ns/edge/sa/gateway"
          {...field('principal')}
        />
        <TextField label="Source address" placeholder="127.0.0.1" {...field('sourceIp')} />
        <TextField
          label="Claims of the token"
          hint="Taken as verified; empty: no token came."
          lines={4}
          {...field('claims')}
        />
      </fieldset>
      <fieldset class="stack">
        <legend>Which workload</legend>
        <div class="pair">
          <TextField label="Namespace" placeholder="shop" {...field('namespace')} />
          <TextField label="Service account" placeholder="orders" {...field('serviceAccount')} />
        </div>
        <div class="pair wide-first">
          <TextField label="Labels" placeholder="app=orders" {...field('labels')} />
          <TextField label="Port" placeholder="80" {...field('port')} />
        </div>
      </fieldset>
      <fieldset class="stack">
        <legend>What it asks</legend>
        <div class="pair wide-second">
          <TextField label="Method" {...field('method')} />
          <TextField label="Host" placeholder="orders.shop.example.com" {...field('host')} />
        </div>
        <TextField label="Path" {...field('path')} />
        <TextField label="Headers" hint="name: value, one a line." lines={3} {...field('headers')} />
      </fieldset>
    </>
  );
}
