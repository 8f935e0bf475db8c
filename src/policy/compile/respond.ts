/** Obligations, compiled: header and query changes whose values may hold attributes of the request. */
import { toByteString } from '../../attributes/bytes.ts';
import type { DecisionField, Respond, Template } from '../model.ts';
import type { AttributeKey } from '../model.ts';
import type { Read } from './read-set.ts';

export interface CompiledTemplate {
  readonly parts: readonly CompiledPart[];
}

export type CompiledPart =
  | { readonly kind: 'literal'; readonly bytes: string }
  | { readonly kind: 'attribute'; readonly key: AttributeKey }
  | { readonly kind: 'decision'; readonly field: DecisionField };

export interface CompiledRespond {
  readonly setHeaders: readonly (readonly [name: string, value: CompiledTemplate])[];
  readonly removeHeaders: readonly string[];
  readonly setQuery: readonly (readonly [name: string, value: CompiledTemplate])[];
  readonly removeQuery: readonly string[];
  readonly responseHeaders: readonly (readonly [name: string, value: CompiledTemplate])[];
  readonly deny: {
    readonly status: number | null;
    readonly body: CompiledTemplate | null;
    readonly headers: readonly (readonly [name: string, value: CompiledTemplate])[];
  } | null;
  /** `${decision.id}` is in it: no two answers are alike. */
  readonly perDecision: boolean;
  /** Nothing of the request is in it: one answer fits all. */
  readonly constant: boolean;
}

export function compileRespond(respond: Respond): CompiledRespond {
  const compiled = {
    setHeaders: entries(respond.request.set),
    removeHeaders: respond.request.remove,
    setQuery: entries(respond.request.query.set),
    removeQuery: respond.request.query.remove.map(toByteString),
    responseHeaders: entries(respond.response.set),
    deny:
      respond.deny === null
        ? null
        : {
            status: respond.deny.status,
            body: respond.deny.body === null ? null : compileTemplate(respond.deny.body),
            headers: entries(respond.deny.headers),
          },
  };
  const templates = templatesOf(compiled);
  const perDecision = templates.some(readsDecisionId);
  const constant = !perDecision && !changesQuery(compiled) && !templates.some(readsRequest);
  return { ...compiled, perDecision, constant };
}

function entries(map: ReadonlyMap<string, Template>): (readonly [string, CompiledTemplate])[] {
  return [...map].map(([name, template]) => [toByteString(name), compileTemplate(template)] as const);
}

function compileTemplate(template: Template): CompiledTemplate {
  return {
    parts: template.parts.map((part) =>
      part.kind === 'literal' ? { kind: 'literal', bytes: toByteString(part.text) } : part,
    ),
  };
}

function readsDecisionId(template: CompiledTemplate): boolean {
  return template.parts.some((part) => part.kind === 'decision' && part.field === 'id');
}

/** Parameters of the query that are spelt in another way are removed too, so the query is read. */
function changesQuery(respond: Pick<CompiledRespond, 'setQuery' | 'removeQuery'>): boolean {
  return respond.setQuery.length > 0 || respond.removeQuery.length > 0;
}

function readsRequest(template: CompiledTemplate): boolean {
  return template.parts.some((part) => part.kind === 'attribute');
}

function templatesOf(respond: Omit<CompiledRespond, 'perDecision' | 'constant'>): CompiledTemplate[] {
  const templates = [...respond.setHeaders, ...respond.setQuery, ...respond.responseHeaders].map(([, value]) => value);
  if (respond.deny !== null) {
    templates.push(...respond.deny.headers.map(([, value]) => value));
    if (respond.deny.body !== null) templates.push(respond.deny.body);
  }
  return templates;
}

export function respondReads(respond: CompiledRespond): readonly Read[] {
  const reads = templatesOf(respond).flatMap((template) =>
    template.parts.flatMap((part) => (part.kind === 'attribute' ? keyReads(part.key) : [])),
  );
  return changesQuery(respond) ? [...reads, { kind: 'query' }] : reads;
}

/** What a `when` key or `${…}` reads. */
export function keyReads(key: AttributeKey): readonly Read[] {
  switch (key.kind) {
    case 'request.headers':
      return key.name === 'host' || key.name === ':authority'
        ? [{ kind: 'host' }]
        : key.name === ':path'
          ? [{ kind: 'path' }, { kind: 'query' }]
          : [{ kind: 'header', name: key.name }];
    case 'source.ip':
      return [{ kind: 'sourceIp' }];
    case 'remote.ip':
      return [{ kind: 'remoteIp' }];
    case 'source.namespace':
    case 'source.serviceAccount':
    case 'source.principal':
    case 'source.trustDomain':
      return [{ kind: 'peer' }];
    case 'request.auth.principal':
      return [{ kind: 'tokenSubject' }];
    case 'request.auth.audiences':
      return [{ kind: 'claim', path: ['aud'] }];
    case 'request.auth.presenter':
      return [{ kind: 'claim', path: ['azp'] }];
    case 'request.auth.claims':
      return [{ kind: 'claim', path: key.path.map(toByteString) }];
    case 'destination.ip':
    case 'destination.port':
      return [{ kind: 'destination' }];
    case 'connection.sni':
      return [{ kind: 'sni' }];
    case 'metadata':
      return [{ kind: 'metadata', filter: toByteString(key.filter), path: key.path.map(toByteString) }];
  }
}
