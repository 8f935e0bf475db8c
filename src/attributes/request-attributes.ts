/**
 * One request as policies see it: every attribute read when asked for, once.
 *
 * The facts come from a {@link CheckSource} (the wire view of a CheckRequest); this class adds the
 * normal forms. All strings are byte strings.
 */
import { parseIp } from './address.ts';
import type { IpAddress } from './address.ts';
import type { Claim, ClaimMap } from './claim.ts';
import { claimAt, claimStrings, claimTexts, isClaimMap } from './claim.ts';
import { clientIp } from './client-ip.ts';
import type { ClientIpSettings } from './client-ip.ts';
import { asciiLowerCase } from './bytes.ts';
import type { HeaderLines } from './header-lines.ts';
import { normalizeHost } from './host.ts';
import type { NormalizedHost } from './host.ts';
import { pathForms, splitTarget } from './path.ts';
import type { RequestTarget } from './path.ts';
import type { PeerIdentity, SpiffeId } from './peer-identity.ts';
import { parseSpiffeId } from './spiffe-id.ts';
import { UNKNOWN_WORKLOAD } from './workload.ts';
import type { Workload } from './workload.ts';

/** What the policy enforcement point says, decoded but not interpreted. Absent strings are empty. */
export interface CheckSource {
  readonly method: string;
  /** `:path` with its query. */
  readonly target: string;
  readonly authority: string;
  readonly scheme: string;
  readonly protocol: string;
  readonly requestId: string;
  /** Bytes of the request's body as far as known; -1: unknown. */
  readonly size: number;
  /** Nanosecond-free milliseconds since the epoch; null when absent. */
  readonly timeMs: number | null;
  readonly sourceAddress: string;
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly destinationPrincipal: string;
  readonly destinationLabels: ReadonlyMap<string, string>;
  readonly sni: string;
  readonly contextExtensions: ReadonlyMap<string, string>;
  /** `name` in lower case. */
  header(name: string): HeaderLines;
  /** The byte at `at` of the first line of a header; -1: there is no such header, or it is not as long. */
  headerByte(name: string, at: number): number;
  /** Is there a header with one of these names? In lower case, shorter than 32. */
  hasAny(names: readonly string[]): boolean;
  headerNames(): readonly string[];
  /** `metadata_context.filter_metadata[filter]`, or null. */
  metadata(filter: string): ClaimMap | null;
}

export interface AttributeSettings {
  readonly clientIp: ClientIpSettings;
  /** Metadata namespace with verified claims under `payload`; empty: none. */
  readonly jwtMetadata: string;
}

export class RequestAttributes {
  readonly source: CheckSource;
  /** Whose policies apply: set once, by the stage that finds out. */
  workload: Workload = UNKNOWN_WORKLOAD;
  /** Claims of the proof that was verified here, once that is done; null: there was none, or nobody was asked. */
  proven: ClaimMap | null = null;
  readonly #settings: AttributeSettings;
  readonly #identify: () => PeerIdentity;

  #target: RequestTarget | undefined;
  #pathForms: readonly string[] | null | undefined;
  #host: NormalizedHost | null | undefined;
  #peer: PeerIdentity | undefined;
  #claims: ClaimMap | null | undefined;
  #sourceIp: IpAddress | null | undefined;
  #remoteIp: ReturnType<typeof clientIp> | undefined;
  #destinationIp: IpAddress | null | undefined;
  #authorityLowerCase: string | undefined;
  /** Made when first needed: most requests are answered from what a look or two find. */
  #headers: Map<string, HeaderLines> | undefined;
  #metadata: Map<string, ClaimMap | null> | undefined;

  constructor(source: CheckSource, settings: AttributeSettings, identify: () => PeerIdentity) {
    this.source = source;
    this.#settings = settings;
    this.#identify = identify;
  }

  get method(): string {
    return this.source.method;
  }

  /** `:path` without its query. */
  get path(): string {
    return (this.#target ??= splitTarget(this.source.target)).path;
  }

  /** What stands behind the first `?`; null when there is none. */
  get query(): string | null {
    return (this.#target ??= splitTarget(this.source.target)).query;
  }

  /** Every reading of the path, the raw one first; null when there are too many. */
  get pathForms(): readonly string[] | null {
    return this.#pathForms === undefined ? (this.#pathForms = pathForms(this.path)) : this.#pathForms;
  }

  /** `:authority` as sent. */
  get authority(): string {
    return this.source.authority;
  }

  /** What Istio compares hosts with. */
  get authorityLowerCase(): string {
    return (this.#authorityLowerCase ??= asciiLowerCase(this.source.authority));
  }

  /** null: not a host that everyone reads alike. */
  get host(): NormalizedHost | null {
    return this.#host === undefined ? (this.#host = normalizeHost(this.source.authority)) : this.#host;
  }

  header(name: string): HeaderLines {
    const known = this.#headers?.get(name);
    if (known !== undefined) return known;
    const lines = this.source.header(name);
    (this.#headers ??= new Map()).set(name, lines);
    return lines;
  }

  get peer(): PeerIdentity {
    return (this.#peer ??= this.#identify());
  }

  /** The connection's remote address; null when it is no IP (a unix socket, or absent). */
  get sourceIp(): IpAddress | null {
    return this.#sourceIp === undefined ? (this.#sourceIp = parseIp(this.source.sourceAddress)) : this.#sourceIp;
  }

  /** The client's address behind trusted proxies, as Envoy would derive it. */
  get remoteIp(): { readonly address: IpAddress | null; readonly certain: boolean } {
    return (this.#remoteIp ??= clientIp(this.sourceIp, this.#forwardedFor(), this.#settings.clientIp));
  }

  #forwardedFor(): string | null {
    const lines = this.source.header('x-forwarded-for');
    if (lines.form === 'joined') return lines.value;
    return lines.lines.length === 0 ? null : lines.lines.join(',');
  }

  get destinationIp(): IpAddress | null {
    return this.#destinationIp === undefined
      ? (this.#destinationIp = parseIp(this.source.destinationAddress))
      : this.#destinationIp;
  }

  /** The called workload's own SPIFFE ID, as Envoy has it; null when it is none. */
  get destinationId(): SpiffeId | null {
    return parseSpiffeId(this.source.destinationPrincipal);
  }

  get destinationPort(): number {
    return this.source.destinationPort;
  }

  /** RBAC sees the server name in lower case; the CheckRequest has it as sent. */
  get sni(): string {
    return asciiLowerCase(this.source.sni);
  }

  /** The verified token's claims; null when there is no token or no source of verified claims. */
  get claims(): ClaimMap | null {
    return this.proven ?? this.relayedClaims;
  }

  /** Claims that Envoy says it has verified. */
  get relayedClaims(): ClaimMap | null {
    if (this.#claims === undefined) {
      const namespace = this.#settings.jwtMetadata;
      const payload = namespace === '' ? undefined : this.source.metadata(namespace)?.get('payload');
      this.#claims = isClaimMap(payload) ? payload : null;
    }
    return this.#claims;
  }

  claim(path: readonly string[]): Claim | undefined {
    return claimAt(this.claims, path);
  }

  /** Was a token sent at all, verified or not. */
  get hasAuthorization(): boolean {
    const lines = this.source.header('authorization');
    return lines.form === 'joined' || lines.lines.length > 0;
  }

  /** `iss` and `sub`, when both are strings; else null. */
  get tokenSubject(): { readonly issuer: string; readonly subject: string } | null {
    const issuer = this.claims?.get('iss');
    const subject = this.claims?.get('sub');
    return typeof issuer === 'string' && typeof subject === 'string' ? { issuer, subject } : null;
  }

  claimStrings(path: readonly string[]): readonly string[] {
    return claimStrings(this.claim(path));
  }

  claimTexts(path: readonly string[]): readonly string[] {
    return claimTexts(this.claim(path));
  }

  metadata(filter: string, path: readonly string[]): Claim | undefined {
    let found = this.#metadata?.get(filter);
    if (found === undefined) {
      found = this.source.metadata(filter);
      (this.#metadata ??= new Map()).set(filter, found);
    }
    return claimAt(found, path);
  }
}
