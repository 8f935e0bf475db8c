import type { CelProgram } from '../cel/program.ts';
import type { Read } from './read-set.ts';
import { toByteString } from '../../attributes/bytes.ts';

/** What the attributes that a program reads are made of. */
export function celReads(program: CelProgram): readonly Read[] {
  return program.reads.flatMap(({ variable, path }): readonly Read[] => {
    const [first, second] = path;
    switch (variable) {
      case 'claims':
        return first === undefined ? [{ kind: 'claims' }] : [{ kind: 'claim', path: [toByteString(first)] }];
      case 'source':
        if (first === 'ip') return [{ kind: 'sourceIp' }];
        if (first === 'remoteIp') return [{ kind: 'remoteIp' }];
        if (first === 'certificate') return [{ kind: 'certificate' }];
        return first === undefined
          ? [{ kind: 'peer' }, { kind: 'certificate' }, { kind: 'sourceIp' }, { kind: 'remoteIp' }]
          : [{ kind: 'peer' }];
      case 'destination':
        // Namespace, account and labels are those of the resolved workload, which is in every key.
        return [{ kind: 'destination' }, { kind: 'destinationPrincipal' }];
      case 'request':
        return requestReads(first, second);
      default:
        return [];
    }
  });
}

function requestReads(field: string | undefined, name: string | undefined): readonly Read[] {
  switch (field) {
    case 'method':
    case 'path':
    case 'host':
    case 'scheme':
    case 'protocol':
    case 'size':
    case 'sni':
    case 'query':
      return [{ kind: field }];
    case 'port':
      return [{ kind: 'host' }];
    case 'headers':
      return name === undefined ? [{ kind: 'headers' }] : [{ kind: 'header', name: toByteString(name.toLowerCase()) }];
    case 'auth':
      return name === 'audiences'
        ? [{ kind: 'claim', path: ['aud'] }]
        : name === 'presenter'
          ? [{ kind: 'claim', path: ['azp'] }]
          : name === undefined
            ? [{ kind: 'tokenSubject' }, { kind: 'claim', path: ['aud'] }, { kind: 'claim', path: ['azp'] }]
            : [{ kind: 'tokenSubject' }];
    default:
      // The whole of `request`, or a field that this table does not know: everything.
      return [
        ...(['method', 'path', 'query', 'host', 'scheme', 'protocol', 'size', 'sni', 'headers', 'claims'] as const),
      ].map((kind) => ({ kind }));
  }
}
