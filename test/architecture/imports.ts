import ts from 'typescript';

export interface Import {
  /** As written: `../lib/clock.ts`, `node:fs`, `pino`. */
  readonly specifier: string;
  /** True when nothing of it is left at run time. `import { type X }` is not: it still loads the module. */
  readonly typeOnly: boolean;
  /** From 1. */
  readonly line: number;
}

/** What stands for the module of an import whose name is computed: nobody can tell what it loads. */
export const COMPUTED = '(computed)';

/**
 * Every way in which a TypeScript file names another module: imports and exports `from`, `import()`,
 * `import('…')` types, `require`, and the `new URL('./x.ts', import.meta.url)` of worker threads.
 */
export function importsOf(fileName: string, source: string): Import[] {
  const file = ts.createSourceFile(fileName, source, ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const add = (node: ts.Node, module: ts.Node | undefined, typeOnly: boolean): void => {
    const specifier = module && ts.isStringLiteralLike(module) ? module.text : COMPUTED;
    found.push({ specifier, typeOnly, line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier) add(node, node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node)) {
      const { expression } = node;
      const isRequire = ts.isIdentifier(expression) && expression.text === 'require';
      if (expression.kind === ts.SyntaxKind.ImportKeyword || isRequire) add(node, node.arguments[0], false);
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
      const [module, base] = node.arguments ?? [];
      const isSource = module && ts.isStringLiteralLike(module) && module.text.endsWith('.ts');
      if (isSource && base?.getText() === 'import.meta.url') add(node, module, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}
