import { printable } from './printable.ts';

/** Where in the user's file an expression stands. Lines and columns count from 1, as tsc prints them. */
export interface SourceSpan {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `model.ts(12,9)`, the form of tsc; printable. */
export function formatSpan(span: SourceSpan): string {
  return `${printable(span.file)}(${span.line},${span.column})`;
}
