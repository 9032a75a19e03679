import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type ts from 'typescript';
import { MODEL_CALLS, type ModelCalls } from './model-calls.ts';
import { typescript } from './typescript.ts';

/** What `import.meta` says of the original file. */
function metaOf(filename: string): Readonly<Record<string, string>> {
  return { url: pathToFileURL(filename).href, filename, dirname: dirname(filename) };
}

/**
 * Rewrites a module that runs from another folder than it was written in: module specifiers, and what `import.meta` says of the file. A
 * specifier that does not resolve stays, and fails at its import. What is known only as the module runs is asked of {@link ModelCalls}:
 * addresses that are computed, and where a value was thrown that has no stack.
 */
export function rewriteModule(
  address: (text: string) => string | null,
  fileName: string,
): ts.TransformerFactory<ts.SourceFile> {
  const meta = metaOf(fileName);
  return (context) => {
    const { factory } = context;
    const ownUrl = () =>
      factory.createPropertyAccessExpression(
        factory.createMetaProperty(
          typescript.SyntaxKind.ImportKeyword,
          factory.createIdentifier('meta'),
        ),
        'url',
      );
    /** A call of what models call, which stands where `place` does. */
    const asked = (name: keyof ModelCalls, place: ts.Node, ...given: ts.Expression[]) =>
      typescript.setSourceMapRange(
        factory.createCallExpression(
          factory.createIdentifier(`${MODEL_CALLS}.${name}`),
          undefined,
          given,
        ),
        place,
      );
    const literal = (node: ts.Expression): ts.Expression => {
      if (!typescript.isStringLiteral(node)) return node;
      const found = address(node.text);
      return found === null ? node : factory.createStringLiteral(found);
    };
    const visitIn =
      (isTop: boolean) =>
      (node: ts.Node): ts.Node => {
        const within = isTop && !typescript.isFunctionLike(node) && !typescript.isClassLike(node);
        const children = () => typescript.visitEachChild(node, visitIn(within), context);
        if (typescript.isImportDeclaration(node))
          return factory.updateImportDeclaration(
            node,
            node.modifiers,
            node.importClause,
            literal(node.moduleSpecifier),
            node.attributes,
          );
        if (typescript.isExportDeclaration(node) && node.moduleSpecifier)
          return factory.updateExportDeclaration(
            node,
            node.modifiers,
            node.isTypeOnly,
            node.exportClause,
            literal(node.moduleSpecifier),
            node.attributes,
          );
        if (isImportCall(node)) {
          const { expression, arguments: given } = children() as ts.CallExpression;
          const [specifier, ...rest] = given;
          const found = typescript.isStringLiteral(specifier)
            ? literal(specifier)
            : asked('imported', node.arguments[0], specifier, ownUrl());
          return factory.updateCallExpression(node, expression, undefined, [found, ...rest]);
        }
        if (typescript.isThrowStatement(node)) {
          const { expression } = children() as ts.ThrowStatement;
          return factory.updateThrowStatement(node, asked('thrown', node, expression));
        }
        if (typescript.isAwaitExpression(node) && isTop) {
          const { expression } = children() as ts.AwaitExpression;
          return factory.updateAwaitExpression(node, asked('awaited', node, expression));
        }
        if (
          typescript.isPropertyAccessExpression(node) &&
          typescript.isMetaProperty(node.expression)
        ) {
          const name = node.name.text;
          if (name === 'resolve') return asked('resolverAt', node, ownUrl());
          if (Object.hasOwn(meta, name)) return factory.createStringLiteral(meta[name]);
        }
        return children();
      };
    return (file) => typescript.visitEachChild(file, visitIn(true), context);
  };
}

const isImportCall = (node: ts.Node): node is ts.CallExpression =>
  typescript.isCallExpression(node) &&
  node.expression.kind === typescript.SyntaxKind.ImportKeyword &&
  node.arguments.length > 0;
