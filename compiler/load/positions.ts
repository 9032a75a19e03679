import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import type ts from 'typescript';
import type { SourceSpan } from '../../ir/source.ts';
import type { SourceMapper } from '../reporting/call-sites.ts';
import type { EmittedFile } from './emit.ts';
import { typescript } from './typescript.ts';

/** Maps positions in emitted modules to the user's expressions. `folder` is where the modules were written. */
export function createSourceMapper(files: readonly EmittedFile[], folderUrl: string): SourceMapper {
  const byUrl = new Map(
    files.map((file) => [
      new URL(file.path, folderUrl).href,
      { source: file.source, map: new TraceMap(file.map) },
    ]),
  );
  return (file, line, column) => {
    const known = byUrl.get(file) ?? byUrl.get(`file://${file}`);
    if (!known) return packageSpan(file, line, column);
    const original = originalPositionFor(known.map, { line, column: column - 1 });
    if (original.line === null) return null;
    const { source } = known;
    const position = source.getPositionOfLineAndCharacter(original.line - 1, original.column);
    return spanAt(source, startOfExpression(source, position));
  };
}

/** Packages run as they are installed. */
function packageSpan(file: string, line: number, column: number): SourceSpan | null {
  return file.includes('/node_modules/') ? { file: displayPath(file), line, column } : null;
}

/** 1-based line and column, the file as tsc prints it: relative to the working directory. */
export function spanAt(source: ts.SourceFile, position: number): SourceSpan {
  const { line, character } = source.getLineAndCharacterOfPosition(position);
  return { file: displayPath(source.fileName), line: line + 1, column: character + 1 };
}

export function displayPath(file: string): string {
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || short === '' ? path : short.replaceAll('\\', '/');
}

/**
 * V8 reports a call at the last name of its callee: `matmul` in `x.matmul(w)`; or where its callee is a call, at the
 * parenthesis: `(x)` in `linear(4, 2)(x)`. A reader expects the start of the expression; in a chain over several lines the
 * name itself says which call it is.
 */
function startOfExpression(source: ts.SourceFile, position: number): number {
  const call = callAt(innermostNode(source, position), position);
  if (!call) return position;
  const start = call.getStart(source);
  const lineOf = (place: number) => source.getLineAndCharacterOfPosition(place).line;
  return lineOf(start) === lineOf(position) ? start : position;
}

/** The deepest node around a position. */
function innermostNode(source: ts.SourceFile, position: number): ts.Node {
  let node: ts.Node = source;
  // Depth is that of the syntax at one position.
  for (;;) {
    const child: ts.Node | undefined = typescript.forEachChild(node, (candidate) =>
      candidate.getStart(source) <= position && position < candidate.end ? candidate : undefined,
    );
    if (!child) return node;
    node = child;
  }
}

/** The call that V8 means by a position. */
function callAt(node: ts.Node, position: number): ts.CallExpression | null {
  if (typescript.isCallExpression(node)) return node.expression.end === position ? node : null;
  const access = node.parent;
  const isCallee =
    access &&
    typescript.isPropertyAccessExpression(access) &&
    access.name === node &&
    typescript.isCallExpression(access.parent) &&
    access.parent.expression === access;
  return isCallee ? (access.parent as ts.CallExpression) : null;
}
