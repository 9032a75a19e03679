import type ts from 'typescript';
import type { SourceSpan } from '../../ir/source.ts';
import { reportedCalls } from '../load/call-starts.ts';
import { typescript } from '../load/typescript.ts';

/** Offsets in a text, the end not among them. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Which expressions places are that V8 reports. */
export interface CodePlaces {
  readonly source: ts.SourceFile;
  /** The call that is reported there; null for another expression. */
  callAt(place: SourceSpan): ts.CallExpression | null;
  /** What to underline: the expression as far as its line goes. */
  extentOf(place: SourceSpan): Extent;
  /** Where V8 reports a call: several where it depends. */
  reported(call: ts.CallExpression): readonly number[];
  /** Inverse of a place's line and column. */
  offsetOf(place: SourceSpan): number;
}

export function codePlaces(source: ts.SourceFile): CodePlaces {
  const calls = reportedCalls(source);
  const byOffset = new Map(
    calls.flatMap((one) => one.reported.map((offset) => [offset, one] as const)),
  );
  // A callee that is a name is reported where it begins.
  for (const one of calls)
    if (typescript.isIdentifier(one.call.expression)) byOffset.set(one.start, one);
  const reported = new Map(calls.map((one) => [one.call, [...one.reported, one.start]]));
  const lineStarts = source.getLineStarts();
  const offsetOf = ({ line, column }: SourceSpan) => {
    const start = lineStarts[Math.min(line, lineStarts.length) - 1] ?? 0;
    return Math.min(start + column - 1, source.text.length);
  };
  return {
    source,
    offsetOf,
    reported: (call) => reported.get(call) ?? [],
    callAt: (place) => byOffset.get(offsetOf(place))?.call ?? calleeAround(source, offsetOf(place)),
    extentOf(place) {
      const offset = offsetOf(place);
      const found = byOffset.get(offset);
      const { line } = source.getLineAndCharacterOfPosition(offset);
      const isSameLine = found && source.getLineAndCharacterOfPosition(found.start).line === line;
      const start = isSameLine ? found.start : offset;
      const end = found?.call.end ?? tokenEnd(source, offset);
      return { start, end: Math.max(start + 1, Math.min(end, lineEnd(source, line))) };
    },
  };
}

/** The innermost call whose callee an offset is in. */
function calleeAround(source: ts.SourceFile, offset: number): ts.CallExpression | null {
  for (const node of nodesAt(source, offset).reverse())
    if (typescript.isCallExpression(node) && offset < node.expression.end) return node;
  return null;
}

/** The end of a line without what breaks it. */
function lineEnd(source: ts.SourceFile, line: number): number {
  const next = source.getLineStarts()[line + 1] ?? source.text.length + 1;
  const text = source.text.slice(0, next);
  return text.length - (/[\r\n\u2028\u2029]*$/.exec(text.slice(-2))?.[0].length ?? 0);
}

/** The end of the expression that begins there, or of the innermost node. */
function tokenEnd(source: ts.SourceFile, offset: number): number {
  const path = nodesAt(source, offset);
  const first = path.find(
    (node) => node.kind !== typescript.SyntaxKind.SourceFile && node.getStart(source) === offset,
  );
  return (first ?? path.at(-1))?.end ?? offset + 1;
}

/** The nodes around an offset, from the file to the innermost. One that ends there counts where none begins there. */
export function nodesAt(source: ts.SourceFile, offset: number): ts.Node[] {
  const path: ts.Node[] = [source];
  for (;;) {
    const children: ts.Node[] = [];
    typescript.forEachChild(path[path.length - 1], (child) => {
      children.push(child);
    });
    const inside = children.filter(
      (child) => child.getStart(source) <= offset && offset <= child.end,
    );
    const next = inside.find(({ end }) => offset < end) ?? inside[0];
    if (!next) return path;
    path.push(next);
  }
}

/** An expression without parentheses, assertions and the like around it. */
export function bare(expression: ts.Expression): ts.Expression {
  let inner = expression;
  while (
    typescript.isParenthesizedExpression(inner) ||
    typescript.isAsExpression(inner) ||
    typescript.isNonNullExpression(inner) ||
    typescript.isSatisfiesExpression(inner)
  )
    inner = inner.expression;
  return inner;
}

/** A name of a scope: what it was given, in the order of the text; or that it is a parameter of a function. */
export interface NamedValue {
  /** Where it is declared. */
  readonly declared: ts.Identifier;
  readonly given: readonly ts.Expression[];
  /** Of a property that is taken out of a parameter: its name. */
  readonly property: string | null;
}

/** What a name means where it stands, as far as the syntax says: `path` leads to it. Null for what is not declared in the file. */
export function meaningOf(path: readonly ts.Node[], name: string): NamedValue | null {
  for (const scope of path.toReversed()) {
    const declared = declarationIn(scope, name);
    if (!declared) continue;
    const given = [
      ...(declared.initialiser ? [declared.initialiser] : []),
      ...assignmentsIn(scope, name),
    ];
    return { ...declared, given };
  }
  return null;
}

interface Declared {
  readonly declared: ts.Identifier;
  readonly initialiser: ts.Expression | null;
  readonly property: string | null;
}

/** The declaration of a name that stands directly in a scope. */
function declarationIn(scope: ts.Node, name: string): Declared | null {
  if (typescript.isFunctionLike(scope)) {
    for (const parameter of scope.parameters) {
      const found = bound(parameter.name, name);
      if (found) return { ...found, initialiser: null };
    }
    return null;
  }
  const lists =
    typescript.isSourceFile(scope) ||
    typescript.isBlock(scope) ||
    typescript.isModuleBlock(scope) ||
    typescript.isCaseOrDefaultClause(scope)
      ? scope.statements.flatMap((statement) =>
          typescript.isVariableStatement(statement) ? [statement.declarationList] : [],
        )
      : (typescript.isForStatement(scope) || typescript.isForOfStatement(scope)) &&
          scope.initializer &&
          typescript.isVariableDeclarationList(scope.initializer)
        ? [scope.initializer]
        : [];
  for (const { declarations } of lists)
    for (const declaration of declarations) {
      const found = bound(declaration.name, name);
      if (!found) continue;
      const whole = typescript.isIdentifier(declaration.name) ? declaration.initializer : undefined;
      return { ...found, initialiser: whole ?? null };
    }
  return null;
}

function bound(
  binding: ts.BindingName,
  name: string,
): { readonly declared: ts.Identifier; readonly property: string | null } | null {
  if (typescript.isIdentifier(binding))
    return binding.text === name ? { declared: binding, property: null } : null;
  for (const element of binding.elements) {
    if (typescript.isOmittedExpression(element)) continue;
    const found = bound(element.name, name);
    if (!found) continue;
    const taken = element.propertyName ?? element.name;
    const property = typescript.isIdentifier(taken) ? taken.text : null;
    return { declared: found.declared, property: found.property ?? property };
  }
  return null;
}

/** What is assigned to a name within a scope. */
function assignmentsIn(scope: ts.Node, name: string): ts.Expression[] {
  const found: ts.Expression[] = [];
  const waiting: ts.Node[] = [scope];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    typescript.forEachChild(node, (child) => {
      waiting.push(child);
    });
    if (
      typescript.isBinaryExpression(node) &&
      node.operatorToken.kind === typescript.SyntaxKind.EqualsToken &&
      typescript.isIdentifier(node.left) &&
      node.left.text === name
    )
      found.push(node.right);
  }
  return found.sort((a, b) => a.pos - b.pos);
}
