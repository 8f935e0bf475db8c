import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/api-error.ts';
import { Sign } from './sign.tsx';

export interface NoticeProps {
  readonly kind: 'warn' | 'deny' | 'plain';
  readonly children: ComponentChildren;
  /** At its end. */
  readonly action?: ComponentChildren;
}

export function Notice({ kind, children, action }: NoticeProps) {
  return (
    <div class={`notice ${kind}`}>
      <Sign name="warn" />
      <div class="notice-text">{children}</div>
      {action !== undefined && <div>{action}</div>}
    </div>
  );
}

/** Why a page has nothing newer. That the service is away or locked is said once, above all pages. */
export function ErrorNotice({ error }: { readonly error: ApiError | null }) {
  if (error === null || error.failure === 'unreachable' || error.failure === 'locked') return null;
  return (
    <Notice kind="deny">
      <p>The service could not say: {error.message}</p>
    </Notice>
  );
}
