import { elementCount, rowMajorStrides, type Shape } from '../../ir/tensor.ts';

/** A dense float64 tensor, row-major, whose axes are named by letters as in einsum. */
export interface LabelledTensor {
  /** One letter per axis, all different. */
  readonly letters: string;
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** The extent of a letter of the tensor. */
export function extentOf({ letters, shape }: LabelledTensor, letter: string): number {
  return shape[letters.indexOf(letter)];
}

/** Number of index tuples over some of the tensor's letters. */
export function extentProduct(tensor: LabelledTensor, letters: string): number {
  return elementCount([...letters].map((letter) => extentOf(tensor, letter)));
}

/** The same tensor with its axes in another order; the tensor itself where the order is the same. */
export function permuted(tensor: LabelledTensor, letters: string): LabelledTensor {
  if (letters === tensor.letters) return tensor;
  const strides = rowMajorStrides(tensor.shape);
  const axes = [...letters].map((letter) => tensor.letters.indexOf(letter));
  const shape = axes.map((axis) => tensor.shape[axis]);
  const from = axes.map((axis) => strides[axis]);
  return { letters, shape, data: gathered(tensor.data, shape, from) };
}

/** Elements of `source` at the strides `from`, in row-major order of `shape`. */
function gathered(source: Float64Array, shape: Shape, from: readonly number[]): Float64Array {
  const result = new Float64Array(elementCount(shape));
  const last = shape.length - 1;
  const [width, step] = last < 0 ? [1, 0] : [shape[last], from[last]];
  const at = new Array<number>(Math.max(0, last)).fill(0);
  let start = 0;
  for (let to = 0; to < result.length; ) {
    for (let k = 0, index = start; k < width; k++, index += step) result[to++] = source[index];
    for (let axis = last - 1; axis >= 0; axis--) {
      start += from[axis];
      if (++at[axis] < shape[axis]) break;
      start -= at[axis] * from[axis];
      at[axis] = 0;
    }
  }
  return result;
}

/** Indices `from` up to `to` of one letter. */
export function sliced(
  tensor: LabelledTensor,
  letter: string,
  from: number,
  to: number,
): LabelledTensor {
  const axis = tensor.letters.indexOf(letter);
  const extent = tensor.shape[axis];
  const inner = elementCount(tensor.shape.slice(axis + 1));
  const outer = elementCount(tensor.shape.slice(0, axis));
  const shape = tensor.shape.map((value, k) => (k === axis ? to - from : value));
  if (outer === 1)
    return { ...tensor, shape, data: tensor.data.subarray(from * inner, to * inner) };
  const data = new Float64Array(elementCount(shape));
  const width = (to - from) * inner;
  for (let k = 0; k < outer; k++) {
    const start = (k * extent + from) * inner;
    data.set(tensor.data.subarray(start, start + width), k * width);
  }
  return { ...tensor, shape, data };
}

export function squaredNorm(data: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < data.length; k++) sum += data[k] * data[k];
  return sum;
}
