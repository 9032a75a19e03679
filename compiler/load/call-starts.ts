import type ts from 'typescript';
import type { SourcePlaces } from './positions.ts';
import { typescript } from './typescript.ts';

/** A call, and the offsets at which V8 may report it. */
export interface ReportedCall {
  readonly call: ts.CallExpression;
  readonly start: number;
  readonly reported: readonly number[];
}

/**
 * All calls of a file. V8 reports a call at the last name of its callee: `matmul` in `x.matmul(w)`; or where its callee is a call, at
 * the parenthesis: `(x)` in `linear(4, 2)(x)`.
 */
export function reportedCalls(source: ts.SourceFile): ReportedCall[] {
  const found: ReportedCall[] = [];
  const waiting: ts.Node[] = [source];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    typescript.forEachChild(node, (child) => {
      waiting.push(child);
    });
    if (!typescript.isCallExpression(node)) continue;
    const { expression } = node;
    const reported = typescript.isPropertyAccessExpression(expression)
      ? [expression.end, expression.name.getStart(source)]
      : [expression.end];
    found.push({ call: node, start: node.getStart(source), reported });
  }
  return found;
}

/**
 * Where the calls of a file start. A reader expects the start of the expression; in a chain over several lines the name itself says
 * which call it is.
 */
export function placesOf(source: ts.SourceFile): SourcePlaces {
  const lineOf = (place: number) => source.getLineAndCharacterOfPosition(place).line;
  const callStarts = reportedCalls(source).flatMap(({ start, reported }) =>
    reported
      .filter((position) => position !== start && lineOf(start) === lineOf(position))
      .map((position): [number, number] => [position, start]),
  );
  return { fileName: source.fileName, lineStarts: [...source.getLineStarts()], callStarts };
}
