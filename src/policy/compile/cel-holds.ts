/** A CEL condition in a rule: in every reading of the path, and with errors closing the door. */
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import type { CelProgram, CelRead } from '../cel/program.ts';
import type { Action } from '../model.ts';
import { celActivation } from './cel-activation.ts';
import type { Read } from './read-set.ts';
import { toByteString } from '../../attributes/bytes.ts';

/** An error, or anything but a bool, is no match for an ALLOW and a match for a DENY. */
export function celHolds(program: CelProgram, request: RequestAttributes, action: Action, nowMs: number): boolean {
  const paths = program.reads.some(readsPath) ? request.pathForms : [request.path];
  const onError = action === 'DENY';
  if (paths === null) return onError;
  const holdsWith = (path: string): boolean => {
    try {
      return program.evaluate(celActivation(program, request, path, nowMs));
    } catch {
      return onError;
    }
  };
  return action === 'ALLOW' ? paths.every(holdsWith) : paths.some(holdsWith);
}

function readsPath({ variable, path }: CelRead): boolean {
  return variable === 'request' && (path.length === 0 || path[0] === 'path');
}

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
        return first === undefined ? [{ kind: 'peer' }, { kind: 'sourceIp' }, { kind: 'remoteIp' }] : [{ kind: 'peer' }];
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
