/**
 * Read sets: what a decision depends on, and so what a cache key has to hold.
 */
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
        /** Facts of the peer's certificate, besides its names. */
        | 'certificate'
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
      for (const group of test.groups)
        for (const claim of group.claims) reads.push({ kind: 'claim', path: claim.path });
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

export function uniqueReads(reads: readonly Read[]): readonly Read[] {
  return [...new Map(reads.map((read) => [readKey(read), read])).values()];
}
