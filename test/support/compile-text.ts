import { compileFunction } from 'node:vm';
import { compile } from '../../compiler/driver/compile.ts';
import type { CompileOptions, CompileResult } from '../../compiler/driver/result.ts';
import * as language from '../../compiler/language.ts';
import type { SourceSpan } from '../../ir/source.ts';

const FILE = '/models/model.js';
/** Stands in the text of a model before an expression that a message shall point at. */
const MARK = '▸';

/** The places of all marks, in order. */
export function markedPlaces(text: string): SourceSpan[] {
  const before = text.split(MARK).slice(0, -1);
  return before.map((_, k) => {
    const lines = before
      .slice(0, k + 1)
      .join('')
      .split('\n');
    return { file: FILE, line: lines.length, column: lines[lines.length - 1].length + 1 };
  });
}

/** A place without the calls that led there. */
export function placeOf(source: SourceSpan | null): SourceSpan | null {
  return source && { file: source.file, line: source.line, column: source.column };
}

/**
 * Compiles the model that an expression in text form makes. The text is run as it stands, so that positions are those of the
 * text and not those of a transformed test file.
 */
export function compileText(text: string, options: CompileOptions = {}): Promise<CompileResult> {
  const names = Object.keys(language);
  const make = compileFunction(`return ${text.replaceAll(MARK, '')}`, names, {
    filename: FILE,
    columnOffset: -'return '.length,
  });
  return compile(() => make(...Object.values(language)), options);
}

/** The text of a model over `x`, f32 [2, 3], and `n`, i32 [2]. */
export const define = (fields: string) => `defineModel({
  name: 'm', inputs: { x: tensor([2, 3]), n: tensor([2], 'i32') },
  ${fields}
})`;

/** The text of such a model with one more output, so that its expression is the only mistake. */
export const withOutput = (expression: string) =>
  define(`build({ x, n }) {
    return { x, n, z: ${expression} };
  }`);
