/** Path templates by their segments. A node stands before a segment; node 0 is nowhere, so that 0 can mean "none". */
import type { PostingsWriter } from './postings.ts';

interface Node {
  readonly literals: Map<string, number>;
  star: number;
  /** Templates that end before this node: the last segment led here. */
  readonly ends: number[];
  /** Templates with `{**}` at this node. */
  readonly rests: number[];
}

export const NODE_WORDS = 3;
/** By table: where its trie begins. */
export const ROOTS = 64;

export class PathTrie {
  readonly #nodes: Node[] = [];
  readonly #onEdge: (node: number, segment: string, target: number) => void;

  constructor(onEdge: (node: number, segment: string, target: number) => void) {
    this.#onEdge = onEdge;
    for (let i = 0; i < ROOTS; i++) this.#newNode();
  }

  #newNode(): number {
    this.#nodes.push({ literals: new Map(), star: 0, ends: [], rests: [] });
    return this.#nodes.length - 1;
  }

  /** False: not a template whose operators are whole segments, with literals only behind a `{**}`. */
  add(table: number, template: string, pattern: number): boolean {
    if (!template.startsWith('/')) return false;
    const segments = template.slice(1).split('/');
    const rest = segments.indexOf('{**}');
    const isLiteral = (segment: string): boolean => !/[{}]/.test(segment);
    const before = rest < 0 ? segments : segments.slice(0, rest);
    const after = rest < 0 ? [] : segments.slice(rest + 1);
    if (!before.every((segment) => segment === '{*}' || isLiteral(segment)) || !after.every(isLiteral)) return false;
    let at = table + 1;
    for (const segment of before) {
      const node = this.#nodes[at]!;
      let next = segment === '{*}' ? node.star : (node.literals.get(segment) ?? 0);
      if (next === 0) {
        next = this.#newNode();
        if (segment === '{*}') node.star = next;
        else {
          node.literals.set(segment, next);
          this.#onEdge(at, segment, next);
        }
      }
      at = next;
    }
    this.#nodes[at]![rest < 0 ? 'ends' : 'rests'].push(pattern);
    return true;
  }

  /** Star child, templates that end and templates with a rest, for each node. */
  nodes(postings: PostingsWriter): Uint32Array {
    const words = new Uint32Array(this.#nodes.length * NODE_WORDS);
    this.#nodes.forEach(({ star, ends, rests }, i) => {
      words.set([star, postings.write(ends), postings.write(rests)], i * NODE_WORDS);
    });
    return words;
  }
}
