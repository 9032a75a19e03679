import type { Combiner } from '../../../ir/kernel.ts';
import type { ScalarOp } from '../../../ir/scalar.ts';
import type { DType } from '../../../ir/tensor.ts';
import type { Dialect, Use } from './dialect.ts';

/** A module in the making: its dialect and what it uses of the library so far. */
export interface Writer {
  readonly dialect: Dialect;
  readonly used: ReadonlySet<string>;
  readonly use: Use;
  /** Buffers that are bound as arrays of vectors; no accumulating store goes to them. */
  readonly quads: ReadonlySet<number>;
}

export function newWriter(dialect: Dialect, quads: ReadonlySet<number> = new Set()): Writer {
  const used = new Set<string>();
  const use = (helper: string) => {
    used.add(helper);
    return helper;
  };
  return { dialect, used, use, quads };
}

/** `op` applied to printed operands; `dtype` is that of the operands (of the branches, for select). */
export function scalarText(
  { dialect, use }: Writer,
  op: ScalarOp,
  dtype: DType,
  operands: readonly string[],
): string {
  const [a, b = '', c = ''] = operands;
  return dialect.scalars[op](use, dtype, a, b, c);
}

/** The combiner of a reduction on two printed values. */
export function combineText(
  writer: Writer,
  combiner: Combiner,
  dtype: DType,
  a: string,
  b: string,
): string {
  return scalarText(writer, combiner === 'sum' ? 'add' : combiner, dtype, [a, b]);
}

export function literalText({ dialect, use }: Writer, dtype: DType, value: number): string {
  return dialect.literals[dtype](use, value);
}

/** The text of all functions of the library that are used, each once, those needed before those that need them. */
export function libraryText({ dialect: { library }, used }: Writer): string {
  const all = new Set<string>();
  const add = (helper: string) => {
    for (const needed of library[helper].needs) add(needed);
    all.add(helper);
  };
  for (const helper of used) add(helper);
  return [...all].map((helper) => `${library[helper].text}\n`).join('');
}
