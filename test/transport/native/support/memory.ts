import { MemoryBudget } from '../../../../src/transport/native/memory-budget.ts';
import type { MemoryAccount } from '../../../../src/transport/native/memory-budget.ts';

/** An account that may hold whatever it likes. */
export function endlessMemory(): MemoryAccount {
  return new MemoryBudget(Infinity).open(() => undefined);
}
