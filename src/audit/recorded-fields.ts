/** Which headers and claims of a request are recorded, beside what every record has. */
import type { Authentication } from '../policy/identity-model.ts';

export interface RecordedClaim {
  /** As the configuration has it. */
  readonly text: string;
  /** Byte strings, as claims have them. */
  readonly path: readonly string[];
}

export class RecordedFields {
  readonly headers: readonly string[];
  readonly claims: readonly RecordedClaim[];
  /** Headers in which policies have looked for a proof since the start: answers of earlier ones may still be due. */
  readonly #proofs = new Set<string>();

  /** `headers` in lower case; `claims` as `name` or `[a][b]`. */
  constructor({ headers, claims }: { readonly headers: readonly string[]; readonly claims: readonly string[] }) {
    this.headers = headers;
    this.claims = claims.map((text) => ({
      text,
      path: (text.startsWith('[') ? text.slice(1, -1).split('][') : [text]).map((name) =>
        Buffer.from(name, 'utf8').toString('latin1'),
      ),
    }));
  }

  /** A header is a secret when a policy takes it for a proof of identity, whatever it is called. */
  readonly isSecret = (name: string): boolean => this.#proofs.has(name);

  /** From now on these count. */
  use(authentications: readonly Authentication[]): void {
    if (this.headers.length === 0) return;
    for (const { providers } of authentications) {
      for (const { locations } of providers) for (const { name } of locations.headers) this.#proofs.add(name);
    }
  }
}
