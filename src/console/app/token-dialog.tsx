import { useEffect, useRef, useState } from 'preact/hooks';

export interface TokenDialogProps {
  /** A token was given and was not taken. */
  readonly wasRefused: boolean;
  readonly message: string;
  readonly onToken: (token: string, keep: boolean) => void;
}

/** Characters of a header's value; others the browser would refuse with an error that says nothing. */
const USABLE = /^[\x21-\x7e]+$/;

export function TokenDialog({ wasRefused, message, onToken }: TokenDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [token, setToken] = useState('');
  const [keep, setKeep] = useState(false);
  const [isTried, setTried] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const isUsable = USABLE.test(token.trim());
  const wrong = isTried && !isUsable ? 'A token is printable characters without spaces.' : null;
  const refused = wasRefused && !isTried ? `That token was not taken: ${message}.` : null;
  const submit = (event: Event): void => {
    event.preventDefault();
    setTried(true);
    if (!isUsable) return;
    setTried(false);
    onToken(token.trim(), keep);
    setToken('');
  };
  return (
    <dialog ref={dialog} aria-labelledby="token-title" onCancel={(event: Event) => event.preventDefault()}>
      <form onSubmit={submit}>
        <h2 id="token-title">This service asks for a token</h2>
        <p class="quiet">
          It is the content of the file that <code>admin.tokenFile</code> names. It is sent in a header of each request,
          and forgotten when this page is closed.
        </p>
        <div class="field">
          <label for="token">Token</label>
          <input
            id="token"
            class="mono"
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={token}
            aria-invalid={wrong !== null || refused !== null}
            aria-describedby="token-wrong"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          <p id="token-wrong" class="wrong" role="alert">
            {wrong ?? refused ?? ''}
          </p>
        </div>
        <label class="row">
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
          Keep it until this tab is closed
        </label>
        <div>
          <button type="submit" class="button main">
            Unlock
          </button>
        </div>
      </form>
    </dialog>
  );
}
