import type ts from 'typescript';
import { typescript } from './typescript.ts';

/** Parsed and bound files of one configuration. Programs share them, as those of TypeScript's language service do. */
export interface ParsedFiles {
  /** How many were parsed so far. */
  readonly parsed: () => number;
  file(name: string, text: string, version: ts.CreateSourceFileOptions): ts.SourceFile;
}

/** What is parsed in another way makes another file. */
const sameVersion = (a: ts.CreateSourceFileOptions, b: ts.CreateSourceFileOptions) =>
  a.languageVersion === b.languageVersion &&
  a.impliedNodeFormat === b.impliedNodeFormat &&
  a.jsDocParsingMode === b.jsDocParsingMode;

export function createParsedFiles(): ParsedFiles {
  const known = new Map<
    string,
    { readonly file: ts.SourceFile; readonly version: ts.CreateSourceFileOptions }
  >();
  let count = 0;
  return {
    parsed: () => count,
    file(name, text, version) {
      const last = known.get(name);
      if (last && last.file.text === text && sameVersion(last.version, version)) return last.file;
      count++;
      const file = typescript.createSourceFile(name, text, version);
      known.set(name, { file, version });
      return file;
    },
  };
}
