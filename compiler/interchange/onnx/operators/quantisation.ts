import type { Tensor } from '../../../frontend/tensor.ts';
import { bounds, type ElementType, FLOAT, UINT8 } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { roundHalfToEven } from './elementwise.ts';
import { channelsLast, withChannelsLast } from './layout.ts';
import { type OperatorTable, row } from './row.ts';
import { convolvedWith } from './windows.ts';

/** A scale or zero point against its tensor: of one number, or along an axis. */
function along(n: OnnxNode, input: number, rank: number, axis: number): Tensor {
  const x = n.tensor(input);
  if (x.rank === 0 || (x.rank === 1 && x.shape[0] === 1)) return n.f.reshape(x, []);
  const after = rank - 1 - axis;
  return n.f.reshape(x, [-1, ...new Array<number>(after).fill(1)]);
}

const axisOf = (n: OnnxNode, rank: number): number =>
  rank === 0 ? 0 : n.axis(n.attributes.int('axis', 1) % Math.max(1, rank), rank);

/** To the nearest integer of a type, after a zero point. */
function saturated(n: OnnxNode, scaled: Tensor, zero: Tensor | null, type: ElementType): Tensor {
  const { f } = n;
  const [low, high] = bounds(type);
  const rounded = roundHalfToEven(f, scaled);
  const moved = zero ? f.add(rounded, f.cast(zero, 'f32')) : rounded;
  return f.cast(f.clip(moved, low, high), 'i32');
}

/** A quantised input as numbers. */
function dequantised(n: OnnxNode, input: number, axis: number): Tensor {
  const { f } = n;
  const x = f.cast(n.tensor(input), 'f32');
  const zero = f.cast(along(n, input + 2, x.rank, axis), 'f32');
  return f.mul(f.sub(x, zero), along(n, input + 1, x.rank, axis));
}

export const QUANTISATION: OperatorTable = {
  DequantizeLinear: row((n) => {
    const { f } = n;
    const x = f.cast(n.tensor(0), 'f32');
    const axis = axisOf(n, x.rank);
    const centred = n.has(2) ? f.sub(x, f.cast(along(n, 2, x.rank, axis), 'f32')) : x;
    return n.result(f.mul(centred, along(n, 1, x.rank, axis)), n.type(1));
  }),
  DynamicQuantizeLinear: row((n) => {
    const { f } = n;
    const x = n.tensor(0);
    const high = f.maximum(f.max(x), 0);
    const low = f.minimum(f.min(x), 0);
    const scale = f.div(f.sub(high, low), 255);
    const zero = saturated(n, f.div(f.neg(low), scale), null, UINT8);
    const y = saturated(n, f.div(x, scale), zero, UINT8);
    return [n.result(y, UINT8), n.result(scale, FLOAT), n.result(zero, UINT8)];
  }),
  QLinearConv: row((n) => {
    const { f } = n;
    const type = n.has(7) ? n.type(7) : UINT8;
    const point = (input: number) => f.cast(along(n, input, n.shape(0).length, 1), 'f32');
    const x = f.mul(f.sub(f.cast(channelsLast(n, 0), 'f32'), point(2)), along(n, 1, 4, 1));
    const rank = n.shape(3).length;
    const perOutput = (input: number) => along(n, input, rank, 0);
    const kernel = f.mul(
      f.sub(f.cast(n.tensor(3), 'f32'), f.cast(perOutput(5), 'f32')),
      perOutput(4),
    );
    const product = convolvedWith(n, x, kernel, 3);
    const bias = () =>
      f.mul(
        f.cast(n.tensor(8), 'f32'),
        f.mul(f.reshape(n.tensor(1), []), f.reshape(n.tensor(4), [-1])),
      );
    const y = n.has(8) ? f.add(product, bias()) : product;
    const scaled = f.div(y, f.reshape(n.tensor(6), []));
    return withChannelsLast(type, saturated(n, scaled, f.reshape(n.tensor(7), []), type));
  }),
  QLinearMatMul: row((n) => {
    const { f } = n;
    const type = n.type(7);
    const product = f.matmul(dequantised(n, 0, 0), dequantised(n, 3, 1));
    const scaled = f.div(product, f.reshape(n.tensor(6), []));
    return n.result(saturated(n, scaled, f.reshape(n.tensor(7), []), type), type);
  }),
  QuantizeLinear: row((n) => {
    const { f } = n;
    const x = f.cast(n.tensor(0), 'f32');
    const axis = axisOf(n, x.rank);
    const type = n.has(2) ? n.type(2) : UINT8;
    const zero = n.has(2) ? along(n, 2, x.rank, axis) : null;
    return n.result(saturated(n, f.div(x, along(n, 1, x.rank, axis)), zero, type), type);
  }),
};
