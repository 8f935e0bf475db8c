/** A document against its schema: zod's issues as diagnostics, at the place in the file. */
import type * as z from 'zod';
import { didYouMean } from '../did-you-mean.ts';
import type { Code } from '../codes.ts';
import { entryOf, keyPosition, nodeAt, plainValue, positionOf, written } from '../parse/node.ts';
import type { Node } from '../parse/node.ts';
import { needs } from '../parse/expect.ts';
import type { Expected } from '../parse/expect.ts';
import type { Report } from '../report.ts';
import { fitsOf } from './fits.ts';
import { childSchema, knownKeys } from './walk.ts';

export function checkStructure(schema: z.ZodType, root: Node, report: Report): void {
  if (fitsOf(schema)(root)) return;
  const result = schema.safeParse(plainValue(root), { jitless: true });
  if (result.success) return;
  for (const issue of result.error.issues) reportIssue(issue, schema, root, report);
}

type Path = readonly (string | number)[];

function reportIssue(issue: z.core.$ZodIssue, schema: z.ZodType, root: Node, report: Report): void {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  const { node, rest } = nodeAt(root, path);
  if (rest.length > 0) {
    reportMissing(rest, path, node, report);
    return;
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) reportUnknownField(key, path, schema, node, report);
      return;
    case 'invalid_type':
      needs(node, [expectedKind(issue.expected)], report);
      return;
    case 'invalid_value':
      reportUnknownValue(issue.values.map(String), node, report);
      return;
    case 'invalid_format': {
      const [code, noun, hint] = issue.message.split('\n') as [Code, string, string];
      report.error(code, positionOf(node), `\`${written(node)}\` is not a valid ${noun}`, hint);
      return;
    }
    case 'invalid_union':
      reportUnion(issue, path, schema, root, report);
      return;
    case 'too_small':
    case 'too_big':
      reportSize(issue, node, report);
      return;
    default:
      // Every schema here is made of the forms above; whatever else zod says must not be lost.
      report.error('bad-value', positionOf(node), `\`${written(node)}\` is not valid here: ${issue.message}`);
  }
}

/** The branch that fits the form tells what is wrong inside; when none does, the forms are named. */
function reportUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: Path,
  schema: z.ZodType,
  root: Node,
  report: Report,
): void {
  const inside = issue.errors.find((issues) =>
    issues.every(({ path: below, code }) => below.length > 0 || code !== 'invalid_type'),
  );
  if (inside !== undefined) {
    for (const each of inside) reportIssue({ ...each, path: [...path, ...each.path] }, schema, root, report);
    return;
  }
  const expected = issue.errors.flatMap((issues) =>
    issues.flatMap((each) => (each.code === 'invalid_type' ? [expectedKind(each.expected)] : [])),
  );
  needs(nodeAt(root, path).node, expected, report);
}

function reportMissing(rest: Path, path: Path, node: Node, report: Report): void {
  const field = String(rest[0]);
  if (path.join('.') === 'metadata.namespace') {
    report.error(
      'missing-namespace',
      positionOf(node),
      'the object has no `namespace`',
      'files have no default namespace: write `metadata.namespace`',
    );
    return;
  }
  report.error('missing-field', positionOf(node), `the field \`${field}\` is missing`);
}

function reportUnknownField(key: string, path: Path, schema: z.ZodType, node: Node, report: Report): void {
  if (node.kind !== 'map') return;
  const entry = entryOf(node, key);
  if (entry === undefined) return;
  const known = knownKeys(childSchema(schema, path));
  report.error(
    'unknown-field',
    keyPosition(node, entry),
    `unknown field \`${key}\``,
    key === '<<' ? 'YAML merge keys are not read: repeat the fields' : didYouMean(key, known, 'the fields here are'),
  );
}

function reportUnknownValue(known: readonly string[], node: Node, report: Report): void {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    needs(node, ['string'], report);
    return;
  }
  const message = `unknown value \`${node.value}\``;
  report.error('unknown-value', positionOf(node), message, didYouMean(node.value, known, 'it is one of'));
}

function reportSize(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, node: Node, report: Report): void {
  const position = positionOf(node);
  if (issue.code === 'too_small' && issue.origin === 'array') {
    report.error(
      'empty-list',
      position,
      'the list is empty',
      'an empty list says nothing: leave the field out, or fill it',
    );
  } else if (issue.code === 'too_small' && issue.origin === 'string') {
    report.error('empty-value', position, 'the string is empty');
  } else if (issue.code === 'too_small') {
    report.error('bad-value', position, `\`${written(node)}\` is less than ${issue.minimum}`);
  } else if (issue.origin === 'array') {
    report.error('too-many', position, `the list has more than ${issue.maximum} elements`, 'split it');
  } else if (issue.origin === 'string') {
    report.error('string-too-long', position, `the string is longer than ${issue.maximum} characters`);
  } else report.error('bad-value', position, `\`${written(node)}\` is more than ${issue.maximum}`);
}

function expectedKind(expected: string): Expected {
  switch (expected) {
    case 'array':
      return 'list';
    case 'object':
    case 'record':
      return 'map';
    case 'string':
    case 'boolean':
      return expected;
    default:
      return 'number';
  }
}
