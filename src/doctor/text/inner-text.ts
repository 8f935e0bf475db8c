/** A text inside a text: a ConfigMap holds whole files as strings, and people look for a fault in the file that they wrote. */
import type { Position } from '../../lib/diagnostic.ts';
import type { ScalarNode } from '../../policy/parse/node.ts';
import { positionInside } from '../../policy/parse/position-inside.ts';
import { SourceText } from '../../policy/parse/source-text.ts';

export class InnerText extends SourceText {
  readonly #node: ScalarNode;

  constructor(node: ScalarNode) {
    super(node.source.path, String(node.value));
    this.#node = node;
  }

  /** As exact as the way in which the string was written allows. */
  override position(offset: number): Position {
    return positionInside(this.#node, offset);
  }
}
