import { DTYPE_PATTERN, DTYPES, type DType } from './dtypes.ts';

export type { DType } from './dtypes.ts';

/** Extents of a tensor, outermost first, row-major. A scalar is `[]`. All extents are positive. */
export type Shape = readonly number[];

/** Dtype and shape together: all that the compiler knows of a value. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Number of elements in `shape`; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const extent of shape) count *= extent;
  return count;
}

/** Bytes of all elements, without gaps. */
export function byteCount({ dtype, shape }: TensorType): number {
  return elementCount(shape) * DTYPES[dtype].bytes;
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
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** `f32[32,784]`; a scalar prints as `f32[]`. */
export function formatType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(',')}]`;
}

const TYPE = new RegExp(`^(${DTYPE_PATTERN})\\[(\\d+(?:,\\d+)*)?\\]$`);

/** Inverse of {@link formatType}; `undefined` when `text` is not a type. */
export function parseType(text: string): TensorType | undefined {
  const match = TYPE.exec(text);
  if (!match) return undefined;
  return { dtype: match[1] as DType, shape: match[2] ? match[2].split(',').map(Number) : [] };
}
