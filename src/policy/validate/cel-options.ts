import type { CelProgram } from '../cel/program.ts';
import { positionOf } from '../parse/node.ts';
import type { StringNode } from '../parse/expect.ts';
import { reportNoClientIp } from './ip-block.ts';
import type { Context } from './value-check.ts';

/** A condition on the client's address needs to know how that is found. Reading the whole of `source` reads it too. */
export function checkCelOptions(program: CelProgram, text: StringNode, context: Context): void {
  if (context.options.remoteIpConfigured) return;
  const reads = program.reads.some(({ variable, path }) => variable === 'source' && path[0] === 'remoteIp');
  if (reads) reportNoClientIp(positionOf(text), context);
}
