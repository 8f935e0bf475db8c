/** What could be changed in a form so that a rule gets past the field that failed: an example to try, not a promise. */
import { placeOf } from './failed-field.ts';
import type { NearMiss } from './near-misses.ts';
import { isObject, readJson } from './request-form.ts';
import type { RequestForm } from './request-form.ts';

export interface Suggestion {
  /** Behind "Try with": `the path /orders/x`. */
  readonly text: string;
  readonly change: Partial<RequestForm>;
}

/** null: there is nothing that a form could say. */
export function suggestionFor({ policy, failed }: NearMiss, form: RequestForm): Suggestion | null {
  const { name, negated } = placeOf(failed.field);
  const [wanted] = failed.wanted;
  if (wanted === undefined) return null;
  const header = /^request\.headers\[(.+)\]$/.exec(name)?.[1];
  if (header !== undefined) return headerSuggestion(header, negated, wanted, form);
  if (negated) return null;
  const claim = /^request\.auth\.claims((?:\[[^\]]*\])+)$/.exec(name)?.[1];
  if (claim !== undefined) return claimSuggestion(claim.slice(1, -1).split(']['), example(wanted), form);
  const value = example(wanted);
  switch (name) {
    case 'principals':
    case 'source.principal':
      return { text: `the caller ${value}`, change: { principal: value } };
    case 'namespaces':
    case 'source.namespace':
      return callerSuggestion(form, { namespace: value });
    case 'serviceAccounts':
    case 'source.serviceAccount': {
      const [account = value, namespace = policy.split('/')[0]!] = value.split('/').toReversed();
      return callerSuggestion(form, { namespace, account });
    }
    case 'trustDomains':
    case 'source.trustDomain':
      return callerSuggestion(form, { domain: value });
    case 'requestPrincipals':
    case 'request.auth.principal': {
      const slash = value.lastIndexOf('/');
      if (slash < 0) return null;
      const token = { iss: value.slice(0, slash), sub: value.slice(slash + 1) };
      return { text: `a token of ${token.iss}`, change: { claims: withClaims(form, token) } };
    }
    case 'request.auth.audiences':
      return claimSuggestion(['aud'], value, form);
    case 'request.auth.presenter':
      return claimSuggestion(['azp'], value, form);
    case 'ipBlocks':
    case 'source.ip':
      return { text: `the address ${addressIn(value)}`, change: { sourceIp: addressIn(value) } };
    case 'methods':
      return { text: `the method ${value}`, change: { method: value } };
    case 'hosts':
      return { text: `the host ${value}`, change: { host: value } };
    case 'paths':
      return { text: `the path ${value}`, change: { path: value } };
    case 'ports':
    case 'destination.port':
      return { text: `the port ${value}`, change: { port: value } };
    default:
      return null;
  }
}

/** A value that a pattern matches: each of its open places filled with something. */
function example(pattern: string): string {
  return pattern.replaceAll(/\{[^}]*\}|\*+/g, 'x');
}

function addressIn(block: string): string {
  return block.split('/')[0]!;
}

interface CallerParts {
  readonly domain: string;
  readonly namespace: string;
  readonly account: string;
}

function callerSuggestion(form: RequestForm, change: Partial<CallerParts>): Suggestion {
  const [, domain = 'cluster.local', namespace = 'default', account = 'default'] =
    /^(?:spiffe:\/\/)?([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(form.principal) ?? [];
  const parts = { domain, namespace, account, ...change };
  const principal = `${parts.domain}/ns/${parts.namespace}/sa/${parts.account}`;
  return { text: `the caller ${principal}`, change: { principal } };
}

function headerSuggestion(name: string, negated: boolean, wanted: string, form: RequestForm): Suggestion {
  const others = form.headers
    .split('\n')
    .filter((line) => line.trim() !== '' && line.split(':')[0]!.trim().toLowerCase() !== name.toLowerCase());
  if (negated) return { text: `no header ${name}`, change: { headers: others.join('\n') } };
  const line = `${name}: ${example(wanted)}`;
  return { text: `the header ${line}`, change: { headers: [...others, line].join('\n') } };
}

function claimSuggestion(path: readonly string[], value: string, form: RequestForm): Suggestion {
  const nested = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Record<string, unknown>;
  return { text: `the claim ${path.join(' → ')} = ${value}`, change: { claims: withClaims(form, nested) } };
}

function withClaims(form: RequestForm, claims: Readonly<Record<string, unknown>>): string {
  const present = readJson(form.claims);
  return JSON.stringify(isObject(present) ? { ...present, ...claims } : claims, null, 2);
}
