/** A CEL condition in a rule: in every reading of the path, and with errors closing the door. */
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import type { CelProgram, CelRead } from '../../policy/cel/program.ts';
import type { Action } from '../../policy/model.ts';
import { celActivation } from './cel-activation.ts';

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
