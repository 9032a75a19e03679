import type ts from 'typescript';
import type { SourcePlaces } from './positions.ts';
import { typescript } from './typescript.ts';

/**
 * Where the calls of a file start. V8 reports a call at the last name of its callee: `matmul` in `x.matmul(w)`; or where its callee
 * is a call, at the parenthesis: `(x)` in `linear(4, 2)(x)`. A reader expects the start of the expression; in a chain over several
 * lines the name itself says which call it is.
 */
export function placesOf(source: ts.SourceFile): SourcePlaces {
  const callStarts: [number, number][] = [];
  const lineOf = (place: number) => source.getLineAndCharacterOfPosition(place).line;
  const waiting: ts.Node[] = [source];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    typescript.forEachChild(node, (child) => {
      waiting.push(child);
    });
    if (!typescript.isCallExpression(node)) continue;
    const start = node.getStart(source);
    const { expression } = node;
    const reported = typescript.isPropertyAccessExpression(expression)
      ? [expression.end, expression.name.getStart(source)]
      : [expression.end];
    for (const position of reported)
      if (position !== start && lineOf(start) === lineOf(position))
        callStarts.push([position, start]);
  }
  return { fileName: source.fileName, lineStarts: [...source.getLineStarts()], callStarts };
}
