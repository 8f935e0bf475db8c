/**
 * What all connections of a transport together hold for their peers: frames, header blocks and messages whose end has not come,
 * messages whose handlers take their time, open calls, and answers that have not been taken.
 *
 * When it would be too much, the connection that holds the most has to go: the others do not feel that somebody hoards.
 */
import { ConnectionError } from './connection-error.ts';
import { ErrorCode } from './frame.ts';

export class MemoryBudget {
  #bytes = 0;
  readonly #maxBytes: number;
  readonly #accounts = new Set<MemoryAccount>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  /** For one connection. `close` ends that connection, which gives back what it holds. */
  open(close: (error: ConnectionError) => void): MemoryAccount {
    const account = new MemoryAccount(this, close);
    this.#accounts.add(account);
    return account;
  }

  /** The connection has ended. What its handlers still hold stays counted until they are done. */
  forget(account: MemoryAccount): void {
    this.#accounts.delete(account);
  }

  /** False, and nothing taken, when it would be too much and nobody holds more than this account. */
  take(account: MemoryAccount, bytes: number): boolean {
    while (this.#bytes + bytes > this.#maxBytes) {
      const largest = this.#largest();
      if (largest === null || largest.heldBytes <= account.heldBytes + bytes) return false;
      this.#accounts.delete(largest);
      largest.close(tooMuch());
    }
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }

  #largest(): MemoryAccount | null {
    let largest: MemoryAccount | null = null;
    for (const account of this.#accounts) {
      if (largest === null || account.heldBytes > largest.heldBytes) largest = account;
    }
    return largest;
  }
}

export class MemoryAccount {
  readonly #budget: MemoryBudget;
  readonly close: (error: ConnectionError) => void;
  heldBytes = 0;

  constructor(budget: MemoryBudget, close: (error: ConnectionError) => void) {
    this.#budget = budget;
    this.close = close;
  }

  /** Throws {@link ConnectionError}, and takes nothing, when it would be too much. */
  take(bytes: number): void {
    if (!this.tryTake(bytes)) throw tooMuch();
  }

  /** False, and nothing taken, when it would be too much. */
  tryTake(bytes: number): boolean {
    if (!this.#budget.take(this, bytes)) return false;
    this.heldBytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.heldBytes -= bytes;
    this.#budget.giveBack(bytes);
  }
}

function tooMuch(): ConnectionError {
  return new ConnectionError(ErrorCode.enhanceYourCalm, 'holds too much', 'memory');
}
