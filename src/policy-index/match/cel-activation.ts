/**
 * What a condition sees of a request: only the fields that it reads are made, as real text.
 *
 * Anything that cannot be told for certain (a header on several lines, a certificate with several URI
 * SANs, bytes that are no UTF-8) throws: absent would be wrong, since `!has(…)` could open a door.
 */
import { formatIp } from '../../attributes/address.ts';
import { toByteString, toTextStrict } from '../../attributes/bytes.ts';
import { isClaimList } from '../../attributes/claim.ts';
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import { UNREADABLE_PEER } from '../../attributes/peer-identity.ts';
import type { PeerIdentity } from '../../attributes/peer-identity.ts';
import { decodeOnce } from '../../attributes/path.ts';
import { FOREIGN_ACCOUNT } from '../../attributes/workload.ts';
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import type { CelActivation, CelInputMap, CelInputValue, CelProgram, CelRead } from '../../policy/cel/program.ts';
import { CelEvaluationError, celTimestamp } from '../../policy/cel/program.ts';

const NOTHING: CelInputMap = new Map();

/** `path`: the reading of the path for which the condition is asked. */
export function celActivation(
  program: CelProgram,
  request: RequestAttributes,
  path: string,
  nowMs: number,
): CelActivation {
  const reads = (variable: CelRead['variable']): readonly CelRead[] =>
    program.reads.filter((read) => read.variable === variable);
  return {
    source: sourceMap(request, reads('source')),
    destination: destinationMap(request, reads('destination')),
    request: requestMap(request, path, reads('request')),
    claims: claimsMap(request.claims, reads('claims')),
    nowMs,
  };
}

/** Is `field` (or everything) read? */
function wants(reads: readonly CelRead[], field: string): boolean {
  return reads.some(({ path }) => path.length === 0 || path[0] === field);
}

type Entry = readonly [string, CelInputValue | null];

/** Absent values (null) are left out. */
function mapOf(reads: readonly CelRead[], makers: Readonly<Record<string, () => CelInputValue | null>>): CelInputMap {
  if (reads.length === 0) return NOTHING;
  const entries: Entry[] = Object.entries(makers).flatMap(([field, make]): Entry[] =>
    wants(reads, field) ? [[field, make()]] : [],
  );
  return new Map(entries.filter((entry): entry is readonly [string, CelInputValue] => entry[1] !== null));
}

function sourceMap(request: RequestAttributes, reads: readonly CelRead[]): CelInputMap {
  const id = (): RequestAttributes['peer']['spiffeId'] => {
    const { spiffeId, uris } = readable(request.peer);
    if (spiffeId === null && uris.length > 1) throw new CelEvaluationError('the certificate has more than one URI SAN');
    return spiffeId;
  };
  return mapOf(reads, {
    principal: () => id()?.id ?? null,
    trustDomain: () => id()?.trustDomain ?? null,
    namespace: () => id()?.namespace ?? null,
    serviceAccount: () => id()?.serviceAccount ?? null,
    certificate: () => certificateMap(readable(request.peer), reads),
    ip: () => (request.sourceIp === null ? null : formatIp(request.sourceIp)),
    remoteIp: () => {
      const { address, certain } = request.remoteIp;
      return address === null || !certain ? null : formatIp(address);
    },
  });
}

function readable(peer: PeerIdentity): PeerIdentity {
  if (peer === UNREADABLE_PEER) throw new CelEvaluationError('the proof of identity cannot be read');
  return peer;
}

/** Only what is read is made: a name that is no UTF-8 is nothing to a rule about the hash. */
function certificateMap({ certificate }: PeerIdentity, reads: readonly CelRead[]): CelInputMap | null {
  if (certificate === null) return null;
  const { sha256, serial, issuer, subject, notBeforeMs, notAfterMs, uris, dnsNames } = certificate;
  const optional = (value: string | null): string | null => (value === null ? null : text(value));
  const time = (ms: number | null): CelInputValue => (ms === null ? null : celTimestamp(ms));
  // A hop that says no names may not have said all there are; the certificate itself has no more than it shows.
  const isWhole = serial !== null;
  const list = (values: readonly string[]): CelInputValue =>
    values.length > 0 || isWhole ? values.map((value) => text(value)) : null;
  const below = reads.flatMap((read): readonly CelRead[] => {
    const [first, ...rest] = read.path;
    if (first === undefined) return [read];
    return first === 'certificate' ? [{ ...read, path: rest }] : [];
  });
  return mapOf(below, {
    sha256: () => sha256,
    serial: () => serial,
    issuer: () => optional(issuer),
    subject: () => optional(subject),
    notBefore: () => time(notBeforeMs),
    notAfter: () => time(notAfterMs),
    uris: () => list(uris),
    dnsNames: () => list(dnsNames),
  });
}

function destinationMap(request: RequestAttributes, reads: readonly CelRead[]): CelInputMap {
  const { workload } = request;
  const optional = (value: string | null): string | null => (value === null ? null : text(value));
  return mapOf(reads, {
    principal: () => request.destinationId?.id ?? null,
    namespace: () => optional(workload.namespace),
    serviceAccount: () => (workload.serviceAccount === FOREIGN_ACCOUNT ? null : optional(workload.serviceAccount)),
    labels: () =>
      workload.labels === null ? null : new Map([...workload.labels].map(([name, value]) => [text(name), text(value)])),
    ip: () => (request.destinationIp === null ? null : formatIp(request.destinationIp)),
    port: () => (request.destinationPort === 0 ? null : BigInt(request.destinationPort)),
  });
}

function requestMap(request: RequestAttributes, path: string, reads: readonly CelRead[]): CelInputMap {
  const present = (value: string): string | null => (value === '' ? null : text(value));
  return mapOf(reads, {
    method: () => text(request.method),
    path: () => text(path),
    host: () => present(request.host?.name ?? ''),
    scheme: () => present(request.source.scheme),
    protocol: () => present(request.source.protocol),
    size: () => BigInt(request.source.size),
    sni: () => present(request.sni),
    headers: () => headerMap(request, reads),
    query: () => queryOf(request),
    auth: () => authMap(request, reads),
  });
}

function headerMap(request: RequestAttributes, reads: readonly CelRead[]): CelInputMap {
  const all = reads.some(({ path }) => path.length === 0 || (path[0] === 'headers' && path.length === 1));
  const names = all
    ? request.source.headerNames()
    : reads.flatMap(({ path }) => (path[0] === 'headers' && path[1] !== undefined ? [path[1]] : []));
  const headers = new Map<string, CelInputValue>();
  for (const name of names) {
    const lines = request.header(name);
    if (lines.form === 'joined' || lines.lines.length > 1)
      throw new CelEvaluationError(`header ${name} may have come on several lines`);
    const [line] = lines.lines;
    if (line !== undefined) headers.set(text(name), text(line));
  }
  return headers;
}

/** By request: a query of thousands of parameters is not taken apart for each rule and reading of the path anew. */
const queries = new WeakMap<RequestAttributes, CelInputMap | CelEvaluationError>();

function queryOf(request: RequestAttributes): CelInputMap {
  let found = queries.get(request);
  if (found === undefined) {
    try {
      found = queryMap(request.query);
    } catch (error) {
      if (!(error instanceof CelEvaluationError)) throw error;
      found = error;
    }
    queries.set(request, found);
  }
  if (found instanceof CelEvaluationError) throw found;
  return found;
}

function queryMap(query: string | null): CelInputMap {
  const parameters = new Map<string, CelInputValue>();
  for (const pair of query === null || query === '' ? [] : query.split('&')) {
    const equals = pair.indexOf('=');
    const decode = (part: string): string => {
      const decoded = decodeOnce(part.replaceAll('+', ' '));
      if (decoded === null) throw new CelEvaluationError('a bad escape in the query');
      return text(decoded);
    };
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    if (parameters.has(name)) throw new CelEvaluationError('a query parameter came twice');
    parameters.set(name, decode(equals < 0 ? '' : pair.slice(equals + 1)));
  }
  return parameters;
}

function authMap(request: RequestAttributes, reads: readonly CelRead[]): CelInputMap {
  const below = reads.flatMap(({ path }) => (path.length === 0 || path[0] === 'auth' ? [path.slice(1)] : []));
  const wanted = (name: string): boolean => below.some(([first]) => first === undefined || first === name);
  const auth = new Map<string, CelInputValue>();
  const token = request.tokenSubject;
  if (token !== null) {
    if (wanted('principal')) auth.set('principal', `${text(token.issuer)}/${text(token.subject)}`);
    if (wanted('issuer')) auth.set('issuer', text(token.issuer));
    if (wanted('subject')) auth.set('subject', text(token.subject));
  }
  const audiences = wanted('audiences') ? request.claimStrings(['aud']) : [];
  if (audiences.length > 0) auth.set('audiences', audiences.map(text));
  const presenter = wanted('presenter') ? request.claim(['azp']) : undefined;
  if (typeof presenter === 'string') auth.set('presenter', text(presenter));
  return auth;
}

/** Only claims that are read are looked at: an error in another one must not depend on what no cache key holds. */
function claimsMap(claims: ClaimMap | null, reads: readonly CelRead[]): CelInputMap {
  if (claims === null || reads.length === 0) return NOTHING;
  if (reads.some(({ path }) => path.length === 0)) return claimMap(claims);
  const names = new Set(reads.map(({ path }) => toByteString(path[0]!)));
  return claimMap(new Map([...claims].filter(([name]) => names.has(name))));
}

function claimMap(claims: ClaimMap): CelInputMap {
  return new Map([...claims].map(([name, value]) => [text(name), claimValue(value)]));
}

function claimValue(claim: Claim): CelInputValue {
  if (typeof claim === 'string') return text(claim);
  if (claim === null || typeof claim === 'number' || typeof claim === 'boolean') return claim;
  if (isClaimList(claim)) return claim.map(claimValue);
  return claimMap(claim);
}

function text(bytes: string): string {
  const decoded = toTextStrict(bytes);
  if (decoded === null) throw new CelEvaluationError('a value that is no UTF-8');
  return decoded;
}
