import type { SourceSpan } from '../../ir/source.ts';

// What is thrown need not be an error, and errors need not have a stack: where a model threw such a value is noted as it does so.

const places = new WeakMap<object, SourceSpan>();
/** Of a value that is no object: the last one that was thrown. */
let last: { readonly value: unknown; readonly span: SourceSpan } | null = null;

/** Notes where a value was thrown. The first place of an object counts: behind that it was thrown on. */
export function noteThrown(value: unknown, span: SourceSpan): void {
  if (!isObject(value)) last = { value, span };
  else if (!places.has(value)) places.set(value, span);
}

/** Null where nobody noted it. */
export function notedSpan(value: unknown): SourceSpan | null {
  if (isObject(value)) return places.get(value) ?? null;
  return last !== null && Object.is(last.value, value) ? last.span : null;
}

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';
