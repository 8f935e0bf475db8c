/** (b) Rules for the whole mesh, each about another caller. */
import { operation, source } from './model.ts';
import { meshWide, ordinaryRequest } from './shape.ts';
import type { Part, Shape } from './shape.ts';

export const principals: Shape = {
  name: 'b-principals',
  about: 'mesh-wide, each rule another principal',
  target: 'flat',
  part: (rules) => principalRules(rules),
};

/** Names that share a long beginning, as they do in a mesh. */
const idOf = (i: number): string => `cluster.local/ns/tenant-${i % 97}/sa/workload-${i}`;

export function principalRules(rules: number): Part {
  return meshWide({
    name: 'principals',
    rules,
    rule: (i) => ({
      from: [source({ principals: [idOf(i)] })],
      to: [operation({ methods: ['GET', 'POST'] })],
    }),
    ask: (i, random) =>
      ordinaryRequest(random, {
        principal: `spiffe://${i === null ? `cluster.local/ns/tenant-${random.int(97)}/sa/stranger-${random.int(1e6)}` : idOf(i)}`,
      }),
  });
}
