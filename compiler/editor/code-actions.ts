import type ts from 'typescript';
import type { Suggestion } from '../diagnostics.ts';
import { typescript } from '../load/typescript.ts';
import { type Extent, nodesAt } from './code-places.ts';

/** A piece of text in place of another. */
export interface Replacement {
  readonly extent: Extent;
  readonly text: string;
}

/**
 * Where the wrong name stands that a diagnostic at `at` is about, and what to write there: within the call that is underlined, else in
 * the smallest expression around it that has the name. Null where that is not one place.
 */
export function replacementFor(
  source: ts.SourceFile,
  at: Extent,
  { given, meant }: Suggestion,
): Replacement | null {
  const around = nodesAt(source, at.start).reverse();
  for (const node of around) {
    const found = namesIn(node, given);
    const inside = found.filter(
      (one) => at.start <= one.getStart(source) && one.getEnd() <= at.end,
    );
    const [first, second] = inside.length > 0 ? inside : found;
    if (first) return second ? null : replaced(source, first, meant);
  }
  return null;
}

type Name = ts.Identifier | ts.StringLiteralLike;

/** Names and strings that are a text. */
function namesIn(node: ts.Node, text: string): Name[] {
  const found: Name[] = [];
  const waiting = [node];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (
      (typescript.isIdentifier(next) || typescript.isStringLiteralLike(next)) &&
      next.text === text
    )
      found.push(next);
    typescript.forEachChild(next, (child) => {
      waiting.push(child);
    });
  }
  return found;
}

function replaced(source: ts.SourceFile, name: Name, meant: string): Replacement {
  const [start, end] = [name.getStart(source), name.end];
  if (typescript.isStringLiteralLike(name)) {
    const quote = source.text[start];
    return { extent: { start: start + 1, end: end - 1 }, text: escaped(meant, quote) };
  }
  const path = nodesAt(source, start);
  const parent = path[path.length - 2];
  const isName = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(meant);
  const property = isName ? meant : JSON.stringify(meant);
  // `{ imag }` names a property and a variable: the variable stays.
  const isShort =
    parent &&
    (typescript.isShorthandPropertyAssignment(parent) ||
      (typescript.isBindingElement(parent) && !parent.propertyName));
  if (isShort) return { extent: { start, end }, text: `${property}: ${name.text}` };
  const isAccess = parent && typescript.isPropertyAccessExpression(parent);
  if (isAccess && !isName) {
    const dot = parent.expression.end;
    return { extent: { start: dot, end }, text: `[${JSON.stringify(meant)}]` };
  }
  return { extent: { start, end }, text: property };
}

const escaped = (text: string, quote: string) =>
  text
    .replace(/[\\\n\r]/g, (character) => JSON.stringify(character).slice(1, -1))
    .replaceAll(quote, `\\${quote}`);
