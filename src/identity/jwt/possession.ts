import type { HeaderLines } from '../../attributes/header-lines.ts';

/** What a request shows beside its token. */
export interface Possession {
  /** SHA-256 of the DER of the client's certificate, 64 hexadecimal digits; null: it showed none that was verified. */
  readonly certificateSha256: string | null;
  /** The header `dpop`. */
  readonly dpop: HeaderLines;
  readonly method: string;
  /** `http` or `https`, as the client sees it. */
  readonly scheme: string;
  readonly authority: string;
  /** With or without its query. */
  readonly target: string;
}
