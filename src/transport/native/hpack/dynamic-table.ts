/** RFC 7541 §2.3.2 and §4: the fields that the peer has put aside, newest first, within a size in bytes. */
import type { HeaderField } from './header-field.ts';

/** The smallest field takes 32 bytes (§4.1). */
const SMALLEST_ENTRY_BYTES = 32;

export class DynamicTable {
  /** A ring; a power of two, so that the remainder is a mask. */
  readonly #ring: (HeaderField | undefined)[];
  readonly #mask: number;
  #next = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;
  /** Changes whenever an index may mean something else than before. */
  generation = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    const slots = 2 ** Math.ceil(Math.log2(maxBytes / SMALLEST_ENTRY_BYTES + 1));
    this.#ring = new Array<HeaderField | undefined>(slots).fill(undefined);
    this.#mask = slots - 1;
  }

  /** 0 is the newest. */
  at(index: number): HeaderField | undefined {
    return index < this.#count ? this.#ring[(this.#next - 1 - index) & this.#mask] : undefined;
  }

  add(field: HeaderField): void {
    this.generation++;
    // §4.4: "an attempt to add an entry larger than the maximum size causes the table to be emptied".
    this.#evictDownTo(this.#maxBytes - field.size);
    if (field.size > this.#maxBytes) return;
    this.#ring[this.#next] = field;
    this.#next = (this.#next + 1) & this.#mask;
    this.#count++;
    this.#bytes += field.size;
  }

  /** Not above the size that it was made with. */
  resize(maxBytes: number): void {
    this.generation++;
    this.#maxBytes = maxBytes;
    this.#evictDownTo(maxBytes);
  }

  #evictDownTo(bytes: number): void {
    while (this.#count > 0 && this.#bytes > bytes) {
      const oldest = (this.#next - this.#count) & this.#mask;
      this.#bytes -= this.#ring[oldest]!.size;
      this.#ring[oldest] = undefined;
      this.#count--;
    }
  }
}
