import type { DType } from '../../../../ir/dtypes.ts';
import { elementCount, type Shape, sameShape } from '../../../../ir/tensor.ts';
import type { Tensor, TensorLike } from '../../../frontend/tensor.ts';
import { shortest } from '../attributes.ts';
import type { ElementType } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { type Computed, shapeOf } from '../values.ts';

/** Where the channels of ONNX's [batch, channels, …extents] are in [batch, …extents, channels]. */
export const lastOrder = (rank: number): number[] => [
  0,
  rank - 1,
  ...Array.from({ length: rank - 2 }, (_, k) => k + 1),
];

const sameOrder = (a: readonly number[] | null, b: readonly number[] | null): boolean =>
  a === b || (a !== null && b !== null && sameShape(a, b));

/** [batch, channels, …extents] as [batch, …extents, channels]: as it lies, where it lies so already. */
export function channelsLast(n: OnnxNode, input: number): Tensor {
  const value = n.value(input);
  const { length: rank } = shapeOf(value);
  if (value.kind === 'tensor' && value.order && sameShape(value.order, lastOrder(rank)))
    return value.raw;
  const spatial = Array.from({ length: rank - 2 }, (_, k) => k + 2);
  return n.f.transpose(n.tensor(input), [0, ...spatial, 1]);
}

/** What ONNX calls [batch, channels, …extents], of a tensor with channels last. */
export function withChannelsLast(type: ElementType, raw: Tensor): Computed {
  const order = raw.rank > 2 ? lastOrder(raw.rank) : null;
  return { kind: 'tensor', type, raw, order, known: null };
}

/** The one number that a constant is at every element, if it is one of few axes. */
function numberOf(n: OnnxNode, input: number, rank: number): number | null {
  const known = n.known(input);
  if (!known || known.shape.length > rank || elementCount(known.shape) !== 1) return null;
  return known.type.kind === 'float' ? shortest(Math.fround(known.values[0])) : known.values[0];
}

/** Operands of something elementwise as they may be given to the language, and how its result lies. */
export interface Aligned {
  readonly operands: readonly TensorLike[];
  readonly order: readonly number[] | null;
}

/**
 * Operands in one order of axes: that of the first that has one of its own and the rank of the result. Constants of one element are
 * numbers, but for one of them.
 */
export function align(n: OnnxNode, inputs: readonly number[]): Aligned {
  const values = inputs.map((input) => n.value(input));
  const rank = Math.max(...values.map((value) => shapeOf(value).length));
  const leading = values.find(
    (value) => value.kind === 'tensor' && value.order && value.raw.rank === rank,
  ) as Computed | undefined;
  const order = leading?.order ?? null;
  const numbers = inputs.map((input) => numberOf(n, input, rank));
  const keeps = numbers.includes(null) ? -1 : 0;
  const operands = values.map((value, k): TensorLike => {
    const number = numbers[k];
    if (number !== null && k !== keeps) return checkedNumber(n, number, value.type.dtype);
    if (value.kind === 'tensor' && sameOrder(value.order, order)) return value.raw;
    return order ? reordered(n, inputs[k], order) : n.tensor(inputs[k]);
  });
  return { operands, order };
}

function checkedNumber(n: OnnxNode, value: number, dtype: DType): number {
  if (dtype === 'i32' && (value | 0) !== value)
    n.refuse(`the integer ${value} does not fit into the 32 bits that btc has`);
  return value;
}

/** A tensor of ONNX's axes in another order, with axes of extent 1 before its own where it has fewer. */
function reordered(n: OnnxNode, input: number, order: readonly number[]): Tensor {
  const x = n.tensor(input);
  if (x.rank === 0) return x;
  const wide = n.f.reshape(x, [...new Array<number>(order.length - x.rank).fill(1), ...x.shape]);
  return n.f.transpose(wide, inverse(order));
}

export function inverse(order: readonly number[]): number[] {
  const result: number[] = [];
  for (const [k, axis] of order.entries()) result[axis] = k;
  return result;
}

/** A value as it lies, for what treats all elements alike or knows its way. */
export const rawOf = (n: OnnxNode, input: number): Tensor => {
  const value = n.value(input);
  return value.kind === 'tensor' ? value.raw : n.tensor(input);
};

/** A tensor that lies as an input does. */
export function like(n: OnnxNode, input: number, raw: Tensor, type = n.type(input)): Computed {
  const value = n.value(input);
  return {
    ...{ kind: 'tensor', type, raw, known: null },
    order: value.kind === 'tensor' ? value.order : null,
  };
}

export const rangeOf = (count: number): number[] => Array.from({ length: count }, (_, k) => k);

/** Shapes joined by numpy's rules, or null. */
export function joinShapes(a: Shape, b: Shape): number[] | null {
  const rank = Math.max(a.length, b.length);
  const at = (shape: Shape, k: number) => shape[k - rank + shape.length] ?? 1;
  const joined = rangeOf(rank).map((k) => {
    const [left, right] = [at(a, k), at(b, k)];
    return left === right || right === 1 ? left : left === 1 ? right : -1;
  });
  return joined.includes(-1) ? null : joined;
}
