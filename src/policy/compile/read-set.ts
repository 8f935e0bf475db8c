/**
 * Read sets: what a decision depends on, and so what a cache key has to hold.
 */
import { claimKey } from '../../attributes/claim.ts';
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import type { Predicate } from './predicate.ts';
import { groupReadsToken } from './group.ts';

export type Read =
  | {
      readonly kind:
        | 'method'
        | 'path'
        | 'query'
        | 'host'
        | 'scheme'
        | 'protocol'
        | 'size'
        | 'peer'
        | 'sourceIp'
        | 'remoteIp'
        | 'destination'
        | 'destinationPrincipal'
        | 'sni'
        | 'tokenSubject'
        /** Is there a verified token, and was one sent: tells 401 from 403. */
        | 'tokenPresence'
        | 'claims'
        | 'headers';
    }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'claim'; readonly path: readonly string[] }
  | { readonly kind: 'metadata'; readonly filter: string; readonly path: readonly string[] };

/** One text for one read: equal reads are counted once. */
export function readKey(read: Read): string {
  switch (read.kind) {
    case 'header':
      return `header:${read.name}`;
    case 'claim':
      return `claim:${JSON.stringify(read.path)}`;
    case 'metadata':
      return `metadata:${JSON.stringify([read.filter, ...read.path])}`;
    default:
      return read.kind;
  }
}

export function predicateReads(predicate: Predicate): readonly Read[] {
  const { test } = predicate;
  switch (test.attribute) {
    case 'peer':
    case 'spiffe':
      return [{ kind: 'peer' }];
    case 'groups': {
      const reads: Read[] = [{ kind: 'peer' }];
      if (test.groups.some(groupReadsToken)) reads.push({ kind: 'tokenSubject' }, { kind: 'claim', path: ['iss'] });
      for (const group of test.groups) for (const claim of group.claims) reads.push({ kind: 'claim', path: claim.path });
      return reads;
    }
    case 'requestPrincipal':
      return [{ kind: 'tokenSubject' }];
    case 'sourceIp':
    case 'remoteIp':
    case 'host':
    case 'method':
    case 'path':
    case 'sni':
      return [{ kind: test.attribute }];
    case 'destinationIp':
    case 'destinationPort':
      return [{ kind: 'destination' }];
    case 'header':
      return [{ kind: 'header', name: test.name }];
    case 'claim':
      return [{ kind: 'claim', path: test.path }];
    case 'metadata':
      return [{ kind: 'metadata', filter: test.filter, path: test.path }];
  }
}

export function predicateReadsToken(predicate: Predicate): boolean {
  const { test } = predicate;
  return (
    test.attribute === 'requestPrincipal' ||
    test.attribute === 'claim' ||
    (test.attribute === 'groups' && test.groups.some(groupReadsToken))
  );
}

/**
 * The part of a cache key for one read. Self-delimiting: every text stands behind its length, so no two
 * lists of values give one key.
 */
export function keyPart(read: Read, request: RequestAttributes): string {
  switch (read.kind) {
    case 'method':
      return text(request.method);
    case 'path':
      return text(request.path);
    case 'query':
      return request.query === null ? '-' : text(request.query);
    case 'host':
      return text(request.authority);
    case 'scheme':
      return text(request.source.scheme);
    case 'protocol':
      return text(request.source.protocol);
    case 'size':
      return `${request.source.size};`;
    case 'peer':
      return text(request.peer.key);
    case 'sourceIp':
      return text(request.sourceIp ?? '');
    case 'remoteIp':
      return (request.remoteIp.certain ? '+' : '-') + text(request.remoteIp.address ?? '');
    case 'destination':
      return `${text(request.destinationIp ?? '')}${request.destinationPort};`;
    case 'destinationPrincipal':
      return text(request.source.destinationPrincipal);
    case 'sni':
      return text(request.source.sni);
    case 'tokenSubject':
      return claimKey(request.claims?.get('iss')) + claimKey(request.claims?.get('sub'));
    case 'tokenPresence':
      return (request.claims === null ? '-' : '+') + (hasAuthorization(request) ? '+' : '-');
    case 'claims':
      return claimKey(request.claims ?? undefined);
    case 'headers': {
      const names = request.source.headerNames();
      let out = `${names.length}:`;
      for (const name of names) out += text(name) + headerKey(name, request);
      return out;
    }
    case 'header':
      return headerKey(read.name, request);
    case 'claim':
      return claimKey(request.claim(read.path));
    case 'metadata':
      return claimKey(request.metadata(read.filter, read.path));
  }
}

export function hasAuthorization(request: RequestAttributes): boolean {
  const lines = request.header('authorization');
  return lines.form === 'joined' || lines.lines.length > 0;
}

function text(value: string): string {
  return `${value.length}:${value}`;
}

function headerKey(name: string, request: RequestAttributes): string {
  const lines = request.header(name);
  if (lines.form === 'joined') return `j${text(lines.value)}`;
  let out = `${lines.lines.length};`;
  for (const line of lines.lines) out += text(line);
  return out;
}
