import type { DType } from '../../../ir/dtypes.ts';

/** What an element of an ONNX tensor means. */
export type ElementKind = 'float' | 'signed' | 'unsigned' | 'bool';

/** An element type of ONNX that can be computed with, and what btc computes it in. */
export interface ElementType {
  /** As ONNX writes it, in lower case. */
  readonly name: string;
  /** Of `TensorProto.DataType`. */
  readonly id: number;
  readonly kind: ElementKind;
  readonly bits: number;
  readonly dtype: DType;
}

const row = (name: string, id: number, kind: ElementKind, bits: number): ElementType => ({
  ...{ name, id, kind, bits },
  dtype: kind === 'float' ? 'f32' : 'i32',
});

export const FLOAT = row('float', 1, 'float', 32);
export const INT32 = row('int32', 6, 'signed', 32);
export const INT64 = row('int64', 7, 'signed', 64);
export const BOOL = row('bool', 9, 'bool', 8);
export const UINT8 = row('uint8', 2, 'unsigned', 8);
export const INT8 = row('int8', 3, 'signed', 8);

const TYPES: readonly ElementType[] = [
  FLOAT,
  UINT8,
  INT8,
  row('uint16', 4, 'unsigned', 16),
  row('int16', 5, 'signed', 16),
  INT32,
  INT64,
  BOOL,
  row('float16', 10, 'float', 16),
  row('double', 11, 'float', 64),
  row('uint32', 12, 'unsigned', 32),
  row('uint64', 13, 'unsigned', 64),
  row('bfloat16', 16, 'float', 16),
];

/** Names of those that cannot, for messages. */
const OTHERS: Readonly<Record<number, string>> = {
  8: 'string',
  14: 'complex64',
  15: 'complex128',
};

/** The element type of a number of `TensorProto.DataType`, or its name where there is none. */
export function elementType(id: number): ElementType | string {
  return TYPES.find((type) => type.id === id) ?? OTHERS[id] ?? `number ${id}`;
}

/** Whether all values of a type are there in i32; of the others those that fit are. */
export const isNarrow = ({ kind, bits }: ElementType): boolean =>
  kind !== 'float' && (kind === 'unsigned' ? bits < 32 : bits <= 32);

/** The least and the greatest value of an integer type. */
export function bounds({ kind, bits }: ElementType): readonly [number, number] {
  if (kind === 'bool') return [0, 1];
  return kind === 'unsigned' ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}
