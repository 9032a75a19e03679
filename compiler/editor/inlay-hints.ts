import type ts from 'typescript';
import { formatShape } from '../format.ts';
import { typescript } from '../load/typescript.ts';
import type { Analysis } from './analyses.ts';
import { bare, type Extent } from './code-places.ts';
import { expressionFacts } from './expression-facts.ts';
import type { PlaceFacts } from './findings.ts';

/** The shape of what stands before an offset of a text. */
export interface ShapeHint {
  readonly offset: number;
  readonly text: string;
}

/**
 * Shapes of what variables are given, functions return and objects hold, and of each call of a chain that has a line of its own. Calls
 * within calls have none: they would hide the code.
 */
export function shapeHints({ found }: Analysis, path: string, within: Extent): ShapeHint[] {
  const facts = found && expressionFacts(found, path);
  if (!facts) return [];
  const { source } = facts.places;
  const hints = new Map<number, string>();
  const waiting: ts.Node[] = [source];
  const hint = (expression: ts.Expression | undefined) => {
    const inner = expression && bare(expression);
    if (!inner || !typescript.isCallExpression(inner)) return;
    const text = textOf(facts.of(inner));
    if (text !== null) hints.set(inner.end, text);
  };
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (node.end < within.start || node.pos > within.end) continue;
    typescript.forEachChild(node, (child) => {
      waiting.push(child);
    });
    if (typescript.isVariableDeclaration(node) || typescript.isPropertyAssignment(node))
      hint(node.initializer);
    else if (typescript.isReturnStatement(node)) hint(node.expression);
    else if (typescript.isArrowFunction(node) && !typescript.isBlock(node.body)) hint(node.body);
    else if (isAssignment(node)) hint(node.right);
    else if (endsLineOfChain(node, source)) hint(node);
  }
  return [...hints]
    .map(([offset, text]) => ({ offset, text }))
    .filter(({ offset }) => within.start <= offset && offset <= within.end)
    .sort((a, b) => a.offset - b.offset);
}

function isAssignment(node: ts.Node): node is ts.BinaryExpression {
  return (
    typescript.isBinaryExpression(node) &&
    node.operatorToken.kind === typescript.SyntaxKind.EqualsToken
  );
}

/** A call in a chain, behind which a line ends. */
function endsLineOfChain(node: ts.Node, source: ts.SourceFile): node is ts.CallExpression {
  return (
    typescript.isCallExpression(node) &&
    typescript.isPropertyAccessExpression(node.expression) &&
    /^[ \t]*[\r\n]\s*\./.test(source.text.slice(node.end, node.end + MOST_INDENT))
  );
}

const MOST_INDENT = 200;

/** Several calls of one expression may have several shapes. */
function textOf(facts: PlaceFacts | null): string | null {
  if (!facts || facts.values.length === 0) return null;
  const shapes = [...new Set(facts.values.map(({ shape }) => formatShape(shape)))];
  return shapes.length === 1 ? shapes[0] : `${shapes[0]} …`;
}
