import type ts from 'typescript';
import { typescript } from '../load/typescript.ts';
import type { Analysis } from './analyses.ts';
import { bare, type Extent, meaningOf, nodesAt } from './code-places.ts';
import { type ExpressionFacts, expressionFacts } from './expression-facts.ts';
import type { Findings, InputFact, ParameterTotals, PlaceFacts } from './findings.ts';
import { inputText, modelText, parameterText, placeText } from './texts.ts';

/** What is told of a place in a text. */
export interface Hovered {
  readonly markdown: string;
  readonly extent: Extent;
}

/** What is known of the expression or name at an offset of a file; null for nothing. */
export function hoverAt({ found }: Analysis, path: string, offset: number): Hovered | null {
  if (!found) return null;
  const { findings } = found;
  const facts = expressionFacts(found, path);
  if (!facts) return null;
  const { source } = facts.places;
  const nodes = nodesAt(source, offset);
  const node = nodes[nodes.length - 1];
  const extent = { start: node.getStart(source), end: node.end };
  const told = (lines: readonly string[]) =>
    lines.length > 0 ? { markdown: lines.join('\n\n'), extent } : null;
  if (!typescript.isIdentifier(node)) {
    const call = typescript.isCallExpression(node) ? node : null;
    // Brackets and commas belong to the call; its arguments have their own.
    return call ? told(linesOfCall(call, facts, findings)) : null;
  }
  const parent = nodes[nodes.length - 2];
  const call = calledBy(nodes);
  if (call) {
    const lines = linesOfCall(call, facts, findings);
    if (lines.length > 0) return told(lines);
  }
  // `options.axis`: a property's name means nothing by itself.
  if (parent && typescript.isPropertyAccessExpression(parent) && parent.name === node) return null;
  return told(linesOfName(nodes, node, facts, findings));
}

/** The call whose callee ends with the name: `relu(x)`, `x.matmul(w)`. */
function calledBy(nodes: readonly ts.Node[]): ts.CallExpression | null {
  const name = nodes[nodes.length - 1];
  const [outer, parent] = nodes.slice(-3, -1);
  if (parent && typescript.isCallExpression(parent) && parent.expression === name) return parent;
  return parent &&
    typescript.isPropertyAccessExpression(parent) &&
    parent.name === name &&
    typescript.isCallExpression(outer) &&
    outer.expression === parent
    ? outer
    : null;
}

function linesOfCall(
  call: ts.CallExpression,
  { of }: ExpressionFacts,
  { model }: Findings,
): string[] {
  const { expression } = call;
  if (model && typescript.isIdentifier(expression) && expression.text === 'defineModel')
    return [modelText(model)];
  const facts = of(call);
  return facts ? placeText(facts) : [];
}

/** Of a variable: what was given to it; of a layer, what the calls of it take. */
function linesOfName(
  nodes: readonly ts.Node[],
  name: ts.Identifier,
  facts: ExpressionFacts,
  findings: Findings,
): string[] {
  const meaning = meaningOf(nodes, name.text);
  if (!meaning) return [];
  if (meaning.property !== null) {
    const input = findings.inputs.find((one) => one.name === meaning.property);
    return input && isOfModel(nodes) ? [inputText(input as InputFact)] : [];
  }
  const given = meaning.given
    .filter((one) => one.pos <= name.end || meaning.given.length === 1)
    .map(bare);
  const known = given.flatMap((one): PlaceFacts[] => {
    const found = typescript.isCallExpression(one) ? facts.of(one) : null;
    return found && found.count > 0 ? [found] : [];
  });
  const last = known.at(-1);
  if (last) return placeText(last);
  const totals = facts.parametersOfCallee(meaning.declared);
  return totals ? [parameterText(totals.totals as ParameterTotals, totals.first)] : [];
}

/** Whether a place is in what is given to `defineModel`. */
function isOfModel(nodes: readonly ts.Node[]): boolean {
  return nodes.some(
    (node) =>
      typescript.isCallExpression(node) &&
      typescript.isIdentifier(node.expression) &&
      node.expression.text === 'defineModel',
  );
}
