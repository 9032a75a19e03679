import type { TensorType } from './syntax.ts';

/** A tensor's elements in row-major order. */
export interface Evaluated {
  readonly type: TensorType;
  readonly data: ArrayLike<number>;
}

export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

export const countOf = (shape: readonly number[]): number =>
  shape.reduce((product, extent) => product * extent, 1);

export function at(place: readonly number[], strides: readonly number[]): number {
  let sum = 0;
  for (let k = 0; k < place.length; k++) sum += place[k] * strides[k];
  return sum;
}

/** All places of a shape in row-major order. The list is the same each time: copy what is kept. */
export function* indices(shape: readonly number[]): Generator<number[]> {
  const place = new Array<number>(shape.length).fill(0);
  const count = countOf(shape);
  for (let i = 0; i < count; i++) {
    yield place;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++place[axis] < shape[axis]) break;
      place[axis] = 0;
    }
  }
}

export function fill(shape: readonly number[], element: (place: number[]) => number): Float64Array {
  const made = new Float64Array(countOf(shape));
  let i = 0;
  for (const place of indices(shape)) made[i++] = element(place);
  return made;
}
