import {
  DTYPE_PATTERN,
  type DType,
  STORAGE_PATTERN,
  type StorageType,
  storedBytes,
} from './dtypes.ts';

export type { DType } from './dtypes.ts';

/** Extents of a tensor, outermost first, row-major. A scalar is `[]`. All extents are positive. */
export type Shape = readonly number[];

/** Dtype and shape together: all that the compiler knows of a value. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** What a tensor is in memory. */
export interface StoredType {
  readonly dtype: StorageType;
  readonly shape: Shape;
}

/** Number of elements in `shape`; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const extent of shape) count *= extent;
  return count;
}

/** Bytes of all elements, without gaps, in whole words. */
export function byteCount({ dtype, shape }: StoredType): number {
  return storedBytes(dtype, elementCount(shape));
}

/** Row-major strides in elements; the innermost is 1. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Whether two shapes have the same extents in the same order. */
export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/** `f32[32,784]`; a scalar prints as `f32[]`. */
export function formatType(type: StoredType): string {
  return `${type.dtype}[${type.shape.join(',')}]`;
}

const typePattern = (dtypes: string) => new RegExp(`^(${dtypes})\\[(\\d+(?:,\\d+)*)?\\]$`);
const TYPE = typePattern(DTYPE_PATTERN);
const STORED_TYPE = typePattern(STORAGE_PATTERN);

/** Inverse of {@link formatType}; `undefined` when `text` is not a type. */
export function parseType(text: string): TensorType | undefined {
  return typeOf<DType>(TYPE.exec(text));
}

/** As {@link parseType} for what tensors are in memory. */
export function parseStoredType(text: string): StoredType | undefined {
  return typeOf<StorageType>(STORED_TYPE.exec(text));
}

function typeOf<Type>(match: RegExpExecArray | null): { dtype: Type; shape: Shape } | undefined {
  if (!match) return undefined;
  return { dtype: match[1] as Type, shape: match[2] ? match[2].split(',').map(Number) : [] };
}
