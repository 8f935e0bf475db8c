/** Codes that are no list in the code, and are one in docs/: found where they are written. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import ts from 'typescript';
import { DONE, NOT_GOOD, UNUSABLE } from '../../src/cli/exit-code.ts';
import { pageOf, ROOT, tableUnder } from './pages.ts';

/** What zod calls an issue of ours: the code is in its `params`. */
const NO_CODE = 'custom';

function visitAll(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => visitAll(child, visit));
}

/** Which argument of a function of ours is a code, by its name: the one whose parameter is called so. */
function codeArguments(files: readonly ts.SourceFile[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const file of files) {
    visitAll(file, (node) => {
      if (!ts.isFunctionDeclaration(node) && !ts.isArrowFunction(node) && !ts.isMethodDeclaration(node)) return;
      const index = node.parameters.findIndex((parameter) => parameter.name.getText() === 'code');
      const named = ts.isArrowFunction(node) ? node.parent : node;
      if (index !== -1 && 'name' in named) found.set((named.name as ts.Node).getText(), index);
    });
  }
  return found;
}

function codesIn(paths: readonly string[]): ReadonlySet<string> {
  const files = paths.map((path) =>
    ts.createSourceFile(path, readFileSync(join(ROOT, path), 'utf8'), ts.ScriptTarget.Latest, true),
  );
  const indexes = codeArguments(files);
  const found = new Set<string>();
  const add = (node: ts.Node | undefined): void => {
    if (node !== undefined && ts.isStringLiteral(node) && node.text !== NO_CODE) found.add(node.text);
    if (node !== undefined && ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach(add);
  };
  for (const file of files) {
    visitAll(file, (node) => {
      if (ts.isPropertyAssignment(node) && node.name.getText() === 'code') add(node.initializer);
      if (!ts.isCallExpression(node)) return;
      const called = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
      const index = indexes.get(called.getText());
      if (index !== undefined) add(node.arguments[index]);
    });
  }
  return found;
}

it('docs/reference/configuration.md has every code of the configuration and of policy paths, and no other', () => {
  const files = globSync(['src/config/*.ts', 'src/pap/**/*.ts'], { cwd: ROOT });
  const codes = codesIn(files);
  const documented = tableUnder(pageOf('docs/reference/configuration.md'), '## Mistakes').map(([code]) => code);
  expect([...documented].sort()).toEqual([...codes].map((code) => `\`${code}\``).sort());
});

it('docs/reference/commands.md has every exit code', () => {
  const documented = tableUnder(pageOf('docs/reference/commands.md'), '## Exit codes').map(([code]) => code);
  expect(documented).toEqual([DONE, NOT_GOOD, UNUSABLE].map((code) => `\`${code}\``));
});
