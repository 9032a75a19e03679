/** Element types of tensors. Comparisons and masks are `i32` holding 0 or 1. */
export type DType = 'f32' | 'i32';

/** Extents of a tensor, outermost first, row-major. A scalar is `[]`. All extents are positive. */
export type Shape = readonly number[];

/** Dtype and shape together: all that the compiler knows of a value. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Both element types are four bytes wide. */
export const BYTES_PER_ELEMENT = 4;

/** Number of elements in `shape`; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const extent of shape) count *= extent;
  return count;
}

export function byteCount(shape: Shape): number {
  return elementCount(shape) * BYTES_PER_ELEMENT;
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

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** `f32[32,784]`; a scalar prints as `f32[]`. */
export function formatType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(',')}]`;
}

/** Inverse of {@link formatType}; `undefined` when `text` is not a type. */
export function parseType(text: string): TensorType | undefined {
  const match = /^(f32|i32)\[(\d+(?:,\d+)*)?\]$/.exec(text);
  if (!match) return undefined;
  return { dtype: match[1] as DType, shape: match[2] ? match[2].split(',').map(Number) : [] };
}
