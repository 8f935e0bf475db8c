import { claimKey } from '../attributes/claim.ts';
import { UNREADABLE_PEER } from '../attributes/peer-identity.ts';
import type { PeerIdentity } from '../attributes/peer-identity.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { Read } from '../policy/compile/read-set.ts';
import type { KeyRead } from './key-read.ts';
import type { ValueClasses } from './value-classes.ts';

/**
 * The part of a cache key for one read. Self-delimiting: every text stands behind its length, so no two
 * lists of values give one key. A class is marked `c`, a value `v`.
 */
export function keyPart({ read, exact }: KeyRead, classes: ValueClasses, request: RequestAttributes): string {
  const ofClass = exact ? null : classes.classOf(read, request);
  return ofClass === null ? `v${valuePart(read, request)}` : `c${ofClass}`;
}

function valuePart(read: Read, request: RequestAttributes): string {
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
    case 'certificate':
      return certificateKey(request.peer);
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
      return (request.claims === null ? '-' : '+') + (request.hasAuthorization ? '+' : '-');
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

function certificateKey(peer: PeerIdentity): string {
  if (peer === UNREADABLE_PEER) return '!';
  return peer.certificate === null ? '-' : text(peer.certificate.key);
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
