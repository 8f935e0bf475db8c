/** A request as somebody writes it down, and the CheckRequest that Envoy would send for it. */
import type { Decision } from '../api/answers.ts';

export interface RequestForm {
  /** SPIFFE ID; `spiffe://` may be left out. */
  readonly principal: string;
  readonly sourceIp: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** `name=value`, with commas between. */
  readonly labels: string;
  readonly port: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** `name: value`, one a line. */
  readonly headers: string;
  /** JSON; empty: no token came. */
  readonly claims: string;
}

export const EMPTY_FORM: RequestForm = {
  principal: '',
  sourceIp: '',
  namespace: '',
  serviceAccount: '',
  labels: '',
  port: '',
  method: 'GET',
  host: '',
  path: '/',
  headers: '',
  claims: '',
};

export type FormProblems = Readonly<Partial<Record<keyof RequestForm, string>>>;

type Json = Readonly<Record<string, unknown>>;

/** What the form says in the end, or what is wrong with it. */
export function checkRequestOf(
  form: RequestForm,
  claimsIn: string,
): { readonly request: Json } | { readonly problems: FormProblems } {
  const labels = labelsOf(form.labels);
  const headers = headersOf(form.headers);
  const claims = claimsOf(form.claims);
  const port = form.port.trim() === '' ? 80 : Number(form.port);
  const problems: Partial<Record<keyof RequestForm, string>> = {
    ...(labels === null ? { labels: 'Write name=value, with commas between.' } : {}),
    ...(typeof headers === 'string' ? { headers } : {}),
    ...(typeof claims === 'string' ? { claims } : {}),
    ...(claims !== null && claimsIn === ''
      ? {
          claims:
            'Claims of a request can only be tried where `identity.jwtMetadata` is set: explain a decision instead.',
        }
      : {}),
    ...(Number.isInteger(port) && port >= 0 && port <= 65_535 ? {} : { port: 'A port is a number up to 65535.' }),
    ...(form.method.trim() === '' ? { method: 'A method is needed.' } : {}),
    ...(form.path === '' ? { path: 'A path is needed.' } : {}),
  };
  if (Object.keys(problems).length > 0 || labels === null || typeof headers === 'string' || typeof claims === 'string')
    return { problems };
  return { request: { attributes: attributesOf(form, labels, headers, claims, claimsIn, port) } };
}

function attributesOf(
  form: RequestForm,
  labels: ReadonlyMap<string, string>,
  headers: readonly (readonly [string, string])[],
  claims: Json | null,
  claimsIn: string,
  port: number,
): Json {
  const principal = spiffeIdOf(form.principal);
  const http = {
    method: form.method.trim(),
    scheme: principal === '' ? 'http' : 'https',
    host: form.host.trim() || 'localhost',
    path: form.path,
    protocol: 'HTTP/2',
  };
  const pseudo = [
    [':authority', http.host],
    [':path', http.path],
    [':method', http.method],
    [':scheme', http.scheme],
  ] as const;
  const workload = [
    ['namespace', form.namespace.trim()],
    ['serviceAccount', form.serviceAccount.trim()],
    ...[...labels].map(([name, value]) => [`label.${name}`, value] as const),
  ].filter(([, value]) => value !== '');
  return {
    source: { address: socket(form.sourceIp.trim() || '127.0.0.1', 0), principal },
    destination: { address: socket('', port) },
    request: {
      http: {
        ...http,
        headerMap: { headers: [...pseudo, ...headers].map(([key, value]) => ({ key, rawValue: base64(value) })) },
      },
    },
    contextExtensions: Object.fromEntries(workload),
    ...(claims === null ? {} : { metadataContext: { filterMetadata: { [claimsIn]: { payload: claims } } } }),
  };
}

function socket(address: string, portValue: number): Json {
  return { socketAddress: { address, portValue } };
}

function spiffeIdOf(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' || trimmed.includes('://') ? trimmed : `spiffe://${trimmed}`;
}

function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
}

/** null: that is no list of labels. */
function labelsOf(text: string): ReadonlyMap<string, string> | null {
  const labels = new Map<string, string>();
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const equals = part.indexOf('=');
    if (equals < 1) return null;
    labels.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  return labels;
}

/** A text: what is wrong. */
function headersOf(text: string): readonly (readonly [string, string])[] | string {
  const lines: [string, string][] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return `Line ${index + 1} is no header: write name: value.`;
    lines.push([name, line.slice(colon + 1).trim()]);
  }
  return lines;
}

/** null: none. A text: what is wrong. */
function claimsOf(text: string): Json | null | string {
  if (text.trim() === '') return null;
  const claims = readJson(text);
  return isObject(claims) ? claims : 'Claims are a JSON object, such as {"iss": "…", "sub": "…"}.';
}

export function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The request behind a decision, as far as it was recorded: a place to begin from. */
export function formOfDecision(decision: Decision): RequestForm {
  const { principal, requestPrincipal, workload, method, host, path, headers, claims } = decision;
  const slash = requestPrincipal?.lastIndexOf('/') ?? -1;
  const token =
    requestPrincipal === null || slash < 0
      ? {}
      : { iss: requestPrincipal.slice(0, slash), sub: requestPrincipal.slice(slash + 1) };
  const allClaims = { ...token, ...claims };
  return {
    ...EMPTY_FORM,
    principal: principal ?? '',
    namespace: workload?.namespace ?? '',
    serviceAccount: workload?.serviceAccount ?? '',
    labels: Object.entries(workload?.labels ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join(', '),
    method,
    host,
    path,
    headers: Object.entries(headers ?? {})
      .flatMap(([name, lines]) => lines.map((line) => `${name}: ${line}`))
      .join('\n'),
    claims: Object.keys(allClaims).length === 0 ? '' : JSON.stringify(allClaims, null, 2),
  };
}
