/**
 * CEL conditions (cel.dev), parsed and planned at load.
 *
 * The library is @bufbuild/cel: kept by Buf, run against the conformance tests of the CEL specification,
 * with errors as values and a linear-time engine for `matches`. What it does not say at load (names that
 * do not exist, results that are no bool) is found here, on the syntax tree.
 */
import { celEnv, celFunc, isCelError, mapType, objectType, parse, plan, CelScalar } from '@bufbuild/cel';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { closest } from '../../lib/closest.ts';
import { CEL_VARIABLES } from './environment.ts';
import type { CelField, CelVariable } from './environment.ts';
import { CelEvaluationError, celTimestamp } from './program.ts';
import type { CelActivation, CelProblem, CelProgram, CelRead } from './program.ts';
import { patternProblem } from './pattern.ts';
import { compilePattern } from './regular-expressions.ts';
import { syntaxOf } from './syntax.ts';
import type { CelNode } from './syntax.ts';

/** Longer conditions belong into several rules. */
export const MAX_CONDITION_LENGTH = 4096;
/** Deeper nesting than any condition needs, and far from the end of the stack. */
const MAX_DEPTH = 64;
/** `exists`, `all` … inside each other. */
const MAX_COMPREHENSIONS_NESTED = 3;
/**
 * Each level over a list that is not written in the condition multiplies the work by a length that a caller
 * may choose: 1,000 claims twice are half a second.
 */
const MAX_OPEN_COMPREHENSIONS_NESTED = 1;

export type CelCompilation =
  | { readonly program: CelProgram; readonly problems: readonly [] }
  | { readonly program: null; readonly problems: readonly CelProblem[] };

const MAP_OF_ANYTHING = mapType(CelScalar.STRING, CelScalar.DYN);

/** Headers that say what a field says too; the field is read safely. */
const SAFE_FIELD_FOR: ReadonlyMap<string, string> = new Map([
  [':path', 'request.path'],
  [':authority', 'request.host'],
  ['host', 'request.host'],
]);

/** Timestamps end with the year 9999 (langdef.md, "Timestamps"). */
const LAST_SECOND = 253_402_300_799n;
const FIRST_SECOND = -62_135_596_800n;

/**
 * `timestamp(int)` counts seconds (langdef.md, "timestamp"): the library's own takes milliseconds, so that a
 * token's `nbf` would always lie in the past.
 */
const timestampOfSeconds = celFunc('timestamp', [CelScalar.INT], objectType(TimestampSchema), (seconds) => {
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) throw new CelEvaluationError('timestamp out of range');
  return celTimestamp(Number(seconds) * 1000);
});

/** Ours: numbers of claims are doubles (RFC 7519 §2, NumericDate, may have a fraction). */
const timestampOfNumber = celFunc('timestamp', [CelScalar.DOUBLE], objectType(TimestampSchema), (seconds) => {
  // Not a number is in no range.
  if (!(seconds >= Number(FIRST_SECOND) && seconds <= Number(LAST_SECOND)))
    throw new CelEvaluationError('timestamp out of range');
  return celTimestamp(Math.floor(seconds * 1000));
});

const environment = celEnv({
  funcs: [timestampOfSeconds, timestampOfNumber],
  re2: { compile: compilePattern },
  variables: {
    source: MAP_OF_ANYTHING,
    destination: MAP_OF_ANYTHING,
    request: MAP_OF_ANYTHING,
    claims: MAP_OF_ANYTHING,
    now: objectType('google.protobuf.Timestamp'),
  },
});

export function compileCel(text: string): CelCompilation {
  if (text.length > MAX_CONDITION_LENGTH)
    return failed(
      0,
      `the condition has ${text.length} characters, more than ${MAX_CONDITION_LENGTH}`,
      'split the rule',
    );
  const deep = firstTooDeep(text);
  // The library's parser is recursive: brackets are counted before it sees them.
  if (deep !== null) return failed(deep, `brackets nested more than ${MAX_DEPTH} deep`, 'split the condition');
  let parsed;
  try {
    parsed = parse(text);
  } catch (error) {
    return syntaxError(text, error);
  }
  const checker = new Checker();
  const root = syntaxOf(parsed);
  checker.check(root, new Set(), 0, NO_COMPREHENSION);
  if (checker.problems.length === 0 && isNeverBool(root))
    checker.report(root, 'the condition is no bool', 'compare it with something');
  if (checker.problems.length > 0)
    return { program: null, problems: checker.problems.sort((a, b) => a.index - b.index) };
  const run = plan(environment, parsed);
  const program: CelProgram = {
    text,
    reads: checker.reads(),
    readsNow: checker.readsNow,
    evaluate(activation: CelActivation): boolean {
      const { source, destination, request, claims, nowMs } = activation;
      const result = run({ source, destination, request, claims, now: celTimestamp(nowMs) });
      if (typeof result === 'boolean') return result;
      throw new CelEvaluationError(isCelError(result) ? result.message : 'the result is no bool');
    },
  };
  return { program, problems: [] };
}

function failed(index: number, message: string, hint: string): CelCompilation {
  return { program: null, problems: [{ index, message, hint }] };
}

/** The parser's messages begin with `<input>:LINE:COLUMN: `. */
function syntaxError(text: string, error: unknown): CelCompilation {
  const message = error instanceof Error ? error.message : String(error);
  const match = /^<input>:(\d+):(\d+): (.*)$/s.exec(message);
  const hint = 'conditions are CEL (cel.dev): `claims.acr == "mfa" && request.method == "GET"`';
  if (match === null) return failed(0, `cannot read the condition: ${message.slice(0, 200)}`, hint);
  const line = Number(match[1]) - 1;
  const lineStart = text
    .split('\n')
    .slice(0, line)
    .reduce((sum, each) => sum + each.length + 1, 0);
  return failed(
    Math.min(lineStart + Number(match[2]) - 1, text.length),
    `cannot read the condition: ${match[3]!}`,
    hint,
  );
}

/** Index of the bracket that goes past the depth, strings not looked into; null: none. */
function firstTooDeep(text: string): number | null {
  let depth = 0;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote !== '') {
      if (char === '\\') i++;
      else if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if ('([{'.includes(char) && ++depth > MAX_DEPTH) return i;
    else if (')]}'.includes(char)) depth--;
  }
  return null;
}

interface Comprehensions {
  readonly nested: number;
  /** Those over a list that is not written in the condition. */
  readonly open: number;
}

const NO_COMPREHENSION: Comprehensions = { nested: 0, open: 0 };

class Checker {
  readonly problems: CelProblem[] = [];
  readonly #reads = new Map<string, CelRead>();
  readsNow = false;

  reads(): readonly CelRead[] {
    return [...this.#reads.values()];
  }

  report(node: CelNode, message: string, hint: string): void {
    this.problems.push({ index: node.index, message, hint });
  }

  /** `bound`: names of comprehension variables in scope. */
  check(node: CelNode, bound: ReadonlySet<string>, depth: number, comprehensions: Comprehensions): void {
    if (depth > MAX_DEPTH) {
      this.report(node, `nested more than ${MAX_DEPTH} deep`, 'split the condition');
      return;
    }
    const chain = attributeChain(node, bound);
    if (chain !== null) {
      this.#read(node, chain);
      for (const computed of chain.computed) this.check(computed, bound, depth + 1, comprehensions);
      return;
    }
    switch (node.kind) {
      case 'name':
        if (!bound.has(node.name)) this.#unknownName(node, node.name);
        return;
      case 'comprehension':
        this.#comprehension(node, bound, depth, comprehensions);
        return;
      case 'message':
        this.report(
          node,
          'messages cannot be made in a condition',
          'conditions have strings, numbers, bools, lists and maps',
        );
        return;
      case 'call':
        this.#call(node, bound);
        for (const child of node.children) this.check(child, bound, depth + 1, comprehensions);
        return;
      default:
        for (const child of node.children) this.check(child, bound, depth + 1, comprehensions);
    }
  }

  #comprehension(
    node: CelNode & { readonly kind: 'comprehension' },
    bound: ReadonlySet<string>,
    depth: number,
    around: Comprehensions,
  ): void {
    const inside = { nested: around.nested + 1, open: around.open + (node.range.kind === 'construct' ? 0 : 1) };
    if (inside.nested > MAX_COMPREHENSIONS_NESTED) {
      this.report(node, `macros nested more than ${MAX_COMPREHENSIONS_NESTED} deep`, 'split the condition');
    } else if (inside.open > MAX_OPEN_COMPREHENSIONS_NESTED) {
      this.report(
        node,
        'a macro over a list of the request inside another one',
        'its cost is the product of two lengths that callers choose: use `in`, or write one of the lists out',
      );
    }
    this.check(node.range, bound, depth + 1, around);
    const names = new Set([...bound, ...node.variables]);
    for (const child of node.bodies) this.check(child, names, depth + 1, inside);
  }

  #call(node: CelNode & { readonly kind: 'call' }, bound: ReadonlySet<string>): void {
    if (!isOperator(node.name) && !FUNCTIONS.has(node.name)) this.#unknownFunction(node, node.name);
    if (node.name === 'matches') {
      const problem = patternProblem(node.children[1]);
      if (problem !== null) this.report(node, problem.message, problem.hint);
    }
    const types = comparedTypes(node, bound);
    if (types !== null) {
      this.report(
        node,
        `a ${types[0]} is compared with a ${types[1]}: they are never equal`,
        'compare values of one type',
      );
    }
  }

  #read(node: CelNode, chain: AttributeChain): void {
    const { variable, path } = chain;
    if (variable === 'now') {
      this.readsNow = true;
      return;
    }
    if (path.length > MAX_DEPTH) {
      this.report(node, `nested more than ${MAX_DEPTH} deep`, 'split the condition');
      return;
    }
    let at: CelField = CEL_VARIABLES[variable];
    for (const [i, step] of path.entries()) {
      if (at.fields === undefined) {
        if (at.type !== 'map') {
          const whole = [variable, ...path.slice(0, i)].join('.');
          this.report(node, `\`${whole}\` is a ${at.type}: it has no field \`${step}\``, `use \`${whole}\` itself`);
        }
        break;
      }
      const known = Object.keys(at.fields);
      const next: CelField | undefined = known.includes(step) ? at.fields[step] : undefined;
      if (next === undefined) {
        const whole = [variable, ...path.slice(0, i)].join('.');
        const near = closest(step, known);
        this.report(
          node,
          `\`${whole}\` has no field \`${step}\``,
          near === null
            ? `its fields are ${known.map((name) => `\`${name}\``).join(', ')}`
            : `did you mean \`${near}\`?`,
        );
        return;
      }
      at = next;
    }
    const [first, header] = path;
    const safe = header === undefined ? undefined : SAFE_FIELD_FOR.get(header);
    if (variable === 'request' && first === 'headers' && safe !== undefined)
      this.report(
        node,
        `\`${header}\` is the text as sent, and other spellings of it would not match`,
        `write \`${safe}\``,
      );
    if (variable === 'request' && first === 'headers' && header !== undefined && header !== header.toLowerCase()) {
      this.report(node, `no header is called \`${header}\`: names are lower case`, `write \`${header.toLowerCase()}\``);
    }
    this.#reads.set(JSON.stringify([variable, ...path]), { variable, path });
  }

  #unknownFunction(node: CelNode, name: string): void {
    const near = closest(name, [...FUNCTIONS]);
    this.report(
      node,
      `unknown function \`${name}\``,
      near === null ? 'conditions have the standard functions of CEL' : `did you mean \`${near}\`?`,
    );
  }

  #unknownName(node: CelNode, name: string): void {
    const known = Object.keys(CEL_VARIABLES);
    const near = closest(name, known);
    this.report(
      node,
      `unknown name \`${name}\``,
      near === null
        ? `the variables are ${known.map((each) => `\`${each}\``).join(', ')}; text stands in quotes`
        : `did you mean \`${near}\`?`,
    );
  }
}

/** Standard functions of CEL (langdef.md, "List of Standard Definitions") less `type`. Macros are gone by now. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...['size', 'contains', 'startsWith', 'endsWith', 'matches'],
  ...['bool', 'bytes', 'double', 'duration', 'dyn', 'int', 'string', 'timestamp', 'uint'],
  ...['getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getFullYear', 'getHours'],
  ...['getMilliseconds', 'getMinutes', 'getMonth', 'getSeconds'],
]);

/** The parser calls operators `_&&_`, `!_`, `@in` and so on. */
function isOperator(name: string): boolean {
  return !/^[A-Za-z]/.test(name);
}

interface AttributeChain {
  readonly variable: CelVariable;
  readonly path: readonly string[];
  /** Index expressions that are no literals; the path ends before the first. */
  readonly computed: readonly CelNode[];
}

/** `a.b['c'][i].d` from its outermost node; null when it does not start at one of our variables. */
function attributeChain(node: CelNode, bound: ReadonlySet<string>): AttributeChain | null {
  const steps: (string | CelNode)[] = [];
  let at = node;
  for (;;) {
    if (at.kind === 'select') {
      steps.unshift(at.field);
      at = at.operand;
    } else if (at.kind === 'index') {
      steps.unshift(typeof at.key === 'string' ? at.key : at.key);
      at = at.operand;
    } else break;
  }
  if (at.kind !== 'name' || bound.has(at.name) || !Object.hasOwn(CEL_VARIABLES, at.name)) return null;
  const firstComputed = steps.findIndex((step) => typeof step !== 'string');
  const path = (firstComputed < 0 ? steps : steps.slice(0, firstComputed)).filter((step) => typeof step === 'string');
  return {
    variable: at.name as CelVariable,
    path,
    computed: steps.filter((step) => typeof step !== 'string'),
  };
}

const NEVER_BOOL = new Set([
  '_+_',
  '_-_',
  '_*_',
  '_/_',
  '_%_',
  '-_',
  'size',
  'string',
  'int',
  'uint',
  'double',
  'timestamp',
  'duration',
]);

function isNeverBool(node: CelNode): boolean {
  if (node.kind === 'constant') return !node.isBool;
  if (node.kind === 'construct') return true;
  if (node.kind === 'call') return NEVER_BOOL.has(node.name);
  const chain = attributeChain(node, new Set());
  if (chain === null || chain.computed.length > 0) return false;
  let at: CelField | undefined = CEL_VARIABLES[chain.variable];
  for (const step of chain.path) at = at?.fields?.[step];
  // Values of open maps (claims, headers) can be anything; every named field is no bool.
  return at !== undefined && !(node.kind === 'select' && node.testOnly);
}

/** The two types of `==` and `!=` between a field of known type and a constant of another; null: they can be equal. */
function comparedTypes(
  node: CelNode & { readonly kind: 'call' },
  bound: ReadonlySet<string>,
): readonly [string, string] | null {
  if (node.name !== '_==_' && node.name !== '_!=_') return null;
  const [left, right] = node.children.map((child) => staticType(child, bound));
  if (left === undefined || right === undefined || left === null || right === null || left === right) return null;
  return [left, right];
}

/** Numbers of all kinds compare with each other. null: not known before a request is there. */
function staticType(node: CelNode, bound: ReadonlySet<string>): string | null {
  if (node.kind === 'constant') return node.type;
  const chain = attributeChain(node, bound);
  if (chain === null || chain.computed.length > 0) return null;
  let at: CelField | undefined = CEL_VARIABLES[chain.variable];
  for (const step of chain.path) {
    // Values of open maps: headers and query parameters are strings, claims and labels are not looked at.
    if (at?.fields === undefined) return null;
    at = at.fields[step];
  }
  if (at === undefined || (node.kind === 'select' && node.testOnly)) return null;
  return at.type === 'int' ? 'number' : at.type;
}
