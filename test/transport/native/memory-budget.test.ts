import { describe, expect, it } from '@jest/globals';
import { HeldMessages } from '../../../src/transport/native/held-messages.ts';
import { MemoryBudget } from '../../../src/transport/native/memory-budget.ts';
import type { MemoryAccount } from '../../../src/transport/native/memory-budget.ts';
import { endlessMemory } from './support/memory.ts';

/** An account whose connection gives back all that it holds when it is closed, as connections do. */
function open(budget: MemoryBudget, closed: string[], name: string): MemoryAccount {
  const account: MemoryAccount = budget.open(({ fault }) => {
    closed.push(`${name} ${fault}`);
    account.giveBack(account.heldBytes);
    budget.forget(account);
  });
  return account;
}

describe('memory that connections share', () => {
  it('is there for others again because the one that holds the most has to go', () => {
    const budget = new MemoryBudget(100);
    const closed: string[] = [];
    const [small, hoarder, late] = ['small', 'hoarder', 'late'].map((name) => open(budget, closed, name));
    small!.take(20);
    hoarder!.take(70);
    late!.take(30);
    expect(closed).toEqual(['hoarder memory']);
    expect(budget.heldBytes).toBe(50);
    expect(small!.heldBytes).toBe(20);
  });

  it('is refused to who would hold the most itself', () => {
    const budget = new MemoryBudget(100);
    const closed: string[] = [];
    const [one, two] = ['one', 'two'].map((name) => open(budget, closed, name));
    one!.take(60);
    expect(() => two!.take(70)).toThrow('holds too much');
    expect(() => one!.take(41)).toThrow('holds too much');
    expect(closed).toEqual([]);
    expect([one!.heldBytes, two!.heldBytes, budget.heldBytes]).toEqual([60, 0, 60]);
  });

  it('is cleared of as many as it takes', () => {
    const budget = new MemoryBudget(100);
    const closed: string[] = [];
    for (const name of ['a', 'b', 'c']) open(budget, closed, name).take(30);
    open(budget, closed, 'late').take(25);
    expect(closed).toEqual(['a memory']);
    expect(budget.heldBytes).toBe(85);
  });

  it('is not free before handlers of a connection that has ended are done', () => {
    const budget = new MemoryBudget(100);
    const closed: string[] = [];
    const gone = budget.open(() => closed.push('gone'));
    gone.take(80);
    budget.forget(gone);
    expect(() => budget.open(() => undefined).take(30)).toThrow('holds too much');
    expect(closed).toEqual([]);
    gone.giveBack(80);
    budget.open(() => undefined).take(30);
    expect(budget.heldBytes).toBe(30);
  });
});

describe('messages whose handlers take their time', () => {
  it('are counted by the read that they came in, and that once', () => {
    const memory = endlessMemory();
    const held = new HeldMessages(memory);
    const [read, next] = [new Uint8Array(1_000), new Uint8Array(500)];
    const first = held.hold(read.subarray(0, 10));
    const second = held.hold(read.subarray(10, 20));
    expect(memory.heldBytes).toBe(1_000);
    const third = held.hold(next);
    expect(memory.heldBytes).toBe(1_500);
    held.release(first);
    expect(memory.heldBytes).toBe(1_500);
    held.release(second);
    expect(memory.heldBytes).toBe(500);
    held.release(third);
    expect(memory.heldBytes).toBe(0);
    held.release(held.hold(next));
    expect(memory.heldBytes).toBe(0);
  });
});
