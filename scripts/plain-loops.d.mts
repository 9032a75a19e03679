import type ts from 'typescript';

/** A plugin of rolldown's that rewrites the files of a TypeScript project. */
export function plainLoops(configFile: string): {
  readonly name: string;
  transform(code: string, id: string): string | null;
};
/** The text of a file with plain loops. */
export function rewritten(file: ts.SourceFile, checker: ts.TypeChecker): string;
