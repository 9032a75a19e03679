import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import type { SourceSpan } from '../../ir/source.ts';
import type { SourceMapper } from '../reporting/call-sites.ts';

/** Where things stand in one of the user's files, as plain data. */
export interface SourcePlaces {
  readonly fileName: string;
  /** Offset of each line. */
  readonly lineStarts: readonly number[];
  /** By offset that V8 reports for a call: the offset that a reader expects, where that is another. */
  readonly callStarts: readonly (readonly [reported: number, start: number])[];
}

/** An emitted module, its JSON source map and what that leads to. */
export interface MappedModule {
  readonly path: string;
  readonly map: string;
  readonly source: SourcePlaces;
}

/**
 * Maps positions in emitted modules to the user's expressions. `folderUrl` is where the modules were written; other files run where
 * they are: packages, and what CommonJS is made of.
 */
export function createSourceMapper(
  files: readonly MappedModule[],
  folderUrl: string,
): SourceMapper {
  const byUrl = new Map(
    files.map((file) => [
      new URL(file.path, folderUrl).href,
      {
        source: file.source,
        map: new TraceMap(file.map),
        starts: new Map(file.source.callStarts),
      },
    ]),
  );
  return (file, line, column) => {
    const known = byUrl.get(file) ?? byUrl.get(`file://${file}`);
    if (!known)
      return isAbsolute(file) || file.startsWith('file:')
        ? { file: displayPath(file), line, column }
        : null;
    const original = originalPositionFor(known.map, { line, column: column - 1 });
    if (original.line === null) return null;
    const { source, starts } = known;
    const position = source.lineStarts[original.line - 1] + original.column;
    return spanAt(source, starts.get(position) ?? position);
  };
}

/** 1-based line and column, the file as tsc prints it: relative to the working directory. */
export function spanAt({ fileName, lineStarts }: SourcePlaces, position: number): SourceSpan {
  let [line, end] = [0, lineStarts.length];
  while (end - line > 1) {
    const middle = (line + end) >> 1;
    if (lineStarts[middle] <= position) line = middle;
    else end = middle;
  }
  return {
    file: displayPath(fileName),
    line: line + 1,
    column: position - lineStarts[line] + 1,
  };
}

export function displayPath(file: string): string {
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || short === '' ? path : short.replaceAll('\\', '/');
}
