import { printable } from './printable.ts';

/** Where in the user's file an expression stands. Lines and columns count from 1, as tsc prints them. */
export interface SourceSpan {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The call that led there, and so on outwards, up to the one in the function that the compiler called; absent behind that. */
  readonly from?: SourceSpan;
}

/** The part of training that a value belongs to; what the user wrote has none. */
export type Pass = 'gradient' | 'update';

/** Where a value comes from: what a person needs to find it in his model. */
export interface Origin {
  readonly span: SourceSpan | null;
  /** Dotted names of the scopes and the layer that made it, as in `stage4.block1.conv2`; empty outside of them. */
  readonly scope: string;
  /** What it is in there: `output`, `relu`, `softmax.exp`; of a parameter its full name. */
  readonly name: string;
  readonly pass?: Pass;
}

/** `model.ts(12,9)`, the form of tsc; printable. */
export function formatSpan(span: SourceSpan): string {
  return `${printable(span.file)}(${span.line},${span.column})`;
}

/** The expression, and each call that led there, innermost first. */
export function framesOf(span: SourceSpan | null): SourceSpan[] {
  const frames: SourceSpan[] = [];
  for (let frame = span ?? undefined; frame; frame = frame.from) frames.push(frame);
  return frames;
}

/** Frames of installed packages, which the user did not write. */
export function isPackageFrame({ file }: SourceSpan): boolean {
  return /(^|[\\/])node_modules[\\/]/.test(file);
}

/** The innermost expression of the user's own files; that of a package where there is none. */
export function ownSpan(span: SourceSpan | null): SourceSpan | null {
  return framesOf(span).find((frame) => !isPackageFrame(frame)) ?? span;
}

/** `blocks.ts(4,10) from model.ts(12,9)`: the user's expression and the outermost call that led there. */
export function formatOutermost(span: SourceSpan): string {
  const own = ownSpan(span)!;
  const outermost = framesOf(own).at(-1)!;
  return outermost === own ? formatSpan(own) : `${formatSpan(own)} from ${formatSpan(outermost)}`;
}

const chainKeys = new WeakMap<SourceSpan, string>();

/** Equal texts, equal positions and calls: `blocks.ts(4,10) from model.ts(12,9)`, with every call. */
export function formatChain(span: SourceSpan): string {
  let key = chainKeys.get(span);
  if (key === undefined) {
    key = framesOf(span).map(formatSpan).join(' from ');
    chainKeys.set(span, key);
  }
  return key;
}

/** Inverse of {@link formatChain}; null for another text. */
export function parseChain(text: string): SourceSpan | null {
  const frames = [...text.matchAll(/(.*?)\((\d+),(\d+)\)(?: from |$)/gy)];
  if (frames.map(([all]) => all).join('') !== text) return null;
  return frames.reduceRight<SourceSpan | null>(
    (from, [, file, line, column]) => ({
      file,
      line: Number(line),
      column: Number(column),
      ...(from ? { from } : {}),
    }),
    null,
  );
}

/** `stage4.block1/relu`; a parameter's name holds its scope already. */
export function scopedName({ scope, name }: Pick<Origin, 'scope' | 'name'>): string {
  return scope === '' || name.startsWith(`${scope}.`) ? name : `${scope}/${name}`;
}

/** The scope in which a parameter's name stands: all but its last part. */
export function scopeOfName(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')));
}

const MOST_SCOPES = 3;

/** Scopes in short form: `stage4.block1.{conv2, norm2}`. What lies around others, and no scope, is left out. */
export function joinScopes(scopes: readonly string[]): string {
  const distinct = [...new Set(scopes)].filter((scope) => scope !== '');
  if (distinct.length < 2) return distinct[0] ?? '';
  const paths = distinct.map((scope) => scope.split('.'));
  let shared = 0;
  while (paths.every((path) => path.length > shared && path[shared] === paths[0][shared])) shared++;
  const prefix = paths[0].slice(0, shared).join('.');
  const rests = paths.map((path) => path.slice(shared).join('.')).filter((rest) => rest !== '');
  const shown = rests.slice(0, MOST_SCOPES);
  if (rests.length > shown.length) shown.push('…');
  if (prefix === '') return shown.join(', ');
  return rests.length === 1 ? `${prefix}.${rests[0]}` : `${prefix}.{${shown.join(', ')}}`;
}
