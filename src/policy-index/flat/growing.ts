/** Typed arrays that grow, for building. */

export class GrowingWords {
  #words = new Uint32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(word: number): void {
    if (this.#length === this.#words.length) this.#words = enlarged(this.#words, this.#length + 1);
    this.#words[this.#length++] = word;
  }

  at(index: number): number {
    return this.#words[index]!;
  }

  set(index: number, word: number): void {
    this.#words[index] = word;
  }

  append(words: Uint32Array): void {
    const end = this.#length + words.length;
    if (end > this.#words.length) this.#words = enlarged(this.#words, end);
    this.#words.set(words, this.#length);
    this.#length = end;
  }

  /** What has been pushed; a view, until the next push. */
  get taken(): Uint32Array {
    return this.#words.subarray(0, this.#length);
  }
}

export class GrowingBytes {
  #bytes = Buffer.allocUnsafe(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow(this.#length + 1);
    this.#bytes[this.#length++] = byte;
  }

  /** A byte string. */
  append(text: string): void {
    const end = this.#length + text.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.write(text, this.#length, text.length, 'latin1');
    this.#length = end;
  }

  #grow(least: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(least, 2 * this.#bytes.length));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }

  /** What has been pushed; a view, until the next push. */
  get taken(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

function enlarged(words: Uint32Array, least: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(least, 2 * words.length));
  larger.set(words);
  return larger;
}
