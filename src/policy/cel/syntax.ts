/** The parser's tree in the few shapes that checking needs, each with its place in the text. */
import type { parse } from '@bufbuild/cel';

export type CelNode = { readonly index: number } & (
  | {
      readonly kind: 'constant';
      readonly isBool: boolean;
      readonly type: 'string' | 'number' | 'bool' | null;
      /** Of a string. */
      readonly text: string | null;
      readonly children: readonly CelNode[];
    }
  | { readonly kind: 'name'; readonly name: string; readonly children: readonly CelNode[] }
  | {
      readonly kind: 'select';
      readonly operand: CelNode;
      readonly field: string;
      /** `has(a.b)` */
      readonly testOnly: boolean;
      readonly children: readonly CelNode[];
    }
  /** `a['b']` with a literal key, or `a[expression]`. */
  | {
      readonly kind: 'index';
      readonly operand: CelNode;
      readonly key: string | CelNode;
      readonly children: readonly CelNode[];
    }
  | { readonly kind: 'call'; readonly name: string; readonly children: readonly CelNode[] }
  /** A list or map that is written out. */
  | { readonly kind: 'construct'; readonly children: readonly CelNode[] }
  | { readonly kind: 'message'; readonly children: readonly CelNode[] }
  | {
      readonly kind: 'comprehension';
      readonly range: CelNode;
      readonly variables: readonly string[];
      readonly bodies: readonly CelNode[];
      readonly children: readonly CelNode[];
    }
);

type Parsed = ReturnType<typeof parse>;
type Expression = Parsed['expr'];

export function syntaxOf(parsed: Parsed): CelNode {
  return convert(parsed.expr, parsed.sourceInfo?.positions ?? {});
}

function convert(expression: Expression, positions: Readonly<Record<string, number>>): CelNode {
  const index = positions[String(expression.id)] ?? 0;
  const of = (child: Expression | undefined): CelNode[] => (child === undefined ? [] : [convert(child, positions)]);
  const { exprKind } = expression;
  switch (exprKind.case) {
    case 'identExpr':
      return { kind: 'name', name: exprKind.value.name, children: [], index };
    case 'selectExpr': {
      const [operand] = of(exprKind.value.operand);
      const { field, testOnly } = exprKind.value;
      return operand === undefined
        ? { kind: 'construct', children: [], index }
        : { kind: 'select', operand, field, testOnly, children: [operand], index };
    }
    case 'callExpr': {
      const { args, target } = exprKind.value;
      const children = [...of(target), ...args.map((argument) => convert(argument, positions))];
      const [operand, key] = children;
      if (exprKind.value.function === '_[_]' && operand !== undefined && key !== undefined) {
        const literal = stringConstant(args[1]);
        return { kind: 'index', operand, key: literal ?? key, children, index };
      }
      return { kind: 'call', name: exprKind.value.function, children, index };
    }
    case 'listExpr':
      return { kind: 'construct', children: exprKind.value.elements.flatMap(of), index };
    case 'structExpr':
      return {
        kind: exprKind.value.messageName === '' ? 'construct' : 'message',
        children: exprKind.value.entries.flatMap((entry) => [
          ...(entry.keyKind.case === 'mapKey' ? of(entry.keyKind.value) : []),
          ...of(entry.value),
        ]),
        index,
      };
    case 'comprehensionExpr': {
      const { iterRange, iterVar, iterVar2, accuVar, accuInit, loopCondition, loopStep, result } = exprKind.value;
      const [range] = of(iterRange);
      const bodies = [accuInit, loopCondition, loopStep, result].flatMap(of);
      return {
        kind: 'comprehension',
        range: range ?? { kind: 'construct', children: [], index },
        variables: [iterVar, iterVar2, accuVar].filter((name) => name !== ''),
        bodies,
        children: [...of(iterRange), ...bodies],
        index,
      };
    }
    case 'constExpr':
      return {
        kind: 'constant',
        isBool: exprKind.value.constantKind.case === 'boolValue',
        type: CONSTANT_TYPES[exprKind.value.constantKind.case ?? ''] ?? null,
        text: stringConstant(expression),
        children: [],
        index,
      };
    default:
      return { kind: 'construct', children: [], index };
  }
}

const CONSTANT_TYPES: Readonly<Record<string, 'string' | 'number' | 'bool'>> = {
  stringValue: 'string',
  boolValue: 'bool',
  int64Value: 'number',
  uint64Value: 'number',
  doubleValue: 'number',
};

function stringConstant(expression: Expression | undefined): string | null {
  if (expression?.exprKind.case !== 'constExpr') return null;
  const { constantKind } = expression.exprKind.value;
  return constantKind.case === 'stringValue' ? constantKind.value : null;
}
