import { placeAt } from './edits.ts';
import { type Node, nodesIn, walk } from './tree.ts';

/**
 * By the offset at which V8 reports a call, the offset that a reader expects: the start of the expression, where that is on the same
 * line. V8's is the last name of the callee, or, where the callee is itself a call, the parenthesis (`compiler/load/call-starts.ts`).
 */
export function callStartsOf(
  text: string,
  program: Node,
  lineStarts: readonly number[],
): ReadonlyMap<number, number> {
  const starts = new Map<number, number>();
  const lineOf = (offset: number) => placeAt(lineStarts, offset).line;
  walk(program, (node) => {
    if (node.type !== 'CallExpression' && node.type !== 'OptionalCallExpression') return true;
    const [callee] = nodesIn(node.callee);
    const types = nodesIn([node.typeParameters, node.typeArguments]);
    const open = text.indexOf('(', types[0]?.end ?? callee.end);
    const [property] = node.computed === true ? [] : nodesIn(callee.property);
    const isNamed = callee.computed !== true && property;
    for (const offset of [callee.end, open, ...(isNamed ? [property.start] : [])])
      if (offset !== node.start && lineOf(offset) === lineOf(node.start) && !starts.has(offset))
        starts.set(offset, node.start);
    return true;
  });
  return starts;
}
