import { isFloat } from '../../../../ir/dtypes.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import { BOOL } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { castTo, unary } from './elementwise.ts';
import { align, like, rawOf } from './layout.ts';
import { type OperatorTable, row } from './row.ts';

/** Softmax and its kin: before version 13 over all axes from one on, as a matrix. */
function alongAxis(n: OnnxNode, make: (x: Tensor, axis: number) => Tensor) {
  const shape = n.shape(0);
  const rank = shape.length;
  const value = n.value(0);
  if (n.opset >= 13 || rank === 0) {
    const axis = rank === 0 ? 0 : n.axis(n.attributes.int('axis', -1), rank);
    const own = value.kind === 'tensor' && value.order ? value.order[axis] : axis;
    return like(n, 0, make(rawOf(n, 0), own));
  }
  const axis = n.axis(n.attributes.int('axis', 1), rank);
  if (axis === rank - 1) return n.result(make(n.tensor(0), axis));
  const rows = shape.slice(0, axis).reduce((product, extent) => product * extent, 1);
  const flat = n.f.reshape(n.tensor(0), [rows, -1]);
  return n.result(n.f.reshape(make(flat, 1), shape));
}

/** A bound of Clip: an input from version 11 on, an attribute before. */
function bound(n: OnnxNode, input: number, name: string): Tensor | number | null {
  if (n.opset < 11) return n.attributes.has(name) ? n.attributes.float(name, 0) : null;
  if (!n.has(input)) return null;
  return n.known(input)?.values[0] ?? n.f.reshape(n.tensor(input), []);
}

export const ACTIVATIONS: OperatorTable = {
  Celu: unary((f, x, n) => f.celu(x, { alpha: n.attributes.float('alpha', 1) })),
  Clip: unary((f, x, n) => {
    const [low, high] = [bound(n, 1, 'min'), bound(n, 2, 'max')];
    if (low === null && high === null) return x;
    if (low === null) return f.minimum(x, high!);
    if (high === null) return f.maximum(x, low);
    if (low === 0 && high === 6 && x.dtype === 'f32') return f.relu6(x);
    const isInterval = typeof low === 'number' && typeof high === 'number' && low <= high;
    return isInterval ? f.clip(x, low, high) : f.minimum(f.maximum(x, low), high);
  }),
  Dropout: row((n) => {
    const ratio =
      n.opset < 12
        ? n.attributes.float('ratio', 0.5)
        : n.has(1)
          ? n.numbers(1, 'the rate')[0]
          : 0.5;
    if (n.has(2) && n.numbers(2, 'whether it is in training')[0] !== 0 && ratio !== 0)
      return n.refuse(
        'it drops elements in what the model predicts',
        'export the model for inference; the dropout is then active in training alone',
      );
    const x = rawOf(n, 0);
    const dropped = ratio > 0 && ratio < 1 && isFloat(x.dtype) ? n.f.dropout(x, ratio) : x;
    const mask = () => n.result(n.f.full(n.shape(0), 1, 'i32'), castMaskType(n));
    return n.outputs.length > 1 ? [like(n, 0, dropped), mask()] : like(n, 0, dropped);
  }, 'active in training alone; its mask is all true'),
  Elu: unary((f, x, n) => f.elu(x, { alpha: n.attributes.float('alpha', 1) })),
  Gelu: unary((f, x, n) =>
    f.gelu(x, {
      approximate: n.attributes.text('approximate', 'none') === 'tanh' ? 'tanh' : 'none',
    }),
  ),
  Hardmax: row((n) =>
    alongAxis(n, (x, axis) => {
      const { f } = n;
      const first = f.argmax(x, axis, { keepDims: true });
      return castTo(n, f.equal(f.iota(x.shape, axis), first), n.type(0), n.type(0));
    }),
  ),
  HardSigmoid: unary((f, x, n) => {
    const slope = n.attributes.float('alpha', 0.2);
    const shift = n.attributes.float('beta', 0.5);
    return f.clip(f.add(f.mul(x, slope), shift), 0, 1);
  }),
  HardSwish: unary((f, x) => f.hardSwish(x)),
  LeakyRelu: unary((f, x, n) => f.leakyRelu(x, n.attributes.float('alpha', 0.01))),
  LogSoftmax: row((n) => alongAxis(n, (x, axis) => n.f.logSoftmax(x, axis))),
  Mish: unary((f, x) => f.mish(x)),
  PRelu: row((n) => {
    const { f } = n;
    const rank = n.shape(0).length;
    // Before version 7 a slope is one of a channel.
    if (n.opset < 7 && n.shape(1).length === 1 && rank > 2) {
      const x = n.tensor(0);
      const slope = f.reshape(n.tensor(1), [-1, ...new Array<number>(rank - 2).fill(1)]);
      return n.result(f.select(f.greater(x, 0), x, f.mul(x, slope)));
    }
    const { operands, order } = align(n, [0, 1]);
    const [x, slope] = operands as readonly Tensor[];
    const raw = f.select(f.greater(x, 0), x, f.mul(x, slope));
    return { kind: 'tensor', type: n.type(0), raw, order, known: null };
  }),
  Relu: unary((f, x) => (isFloat(x.dtype) ? f.relu(x) : f.maximum(x, 0))),
  Selu: unary((f, x, n) => {
    const alpha = n.attributes.float('alpha', 1.6732632);
    const gamma = n.attributes.float('gamma', 1.050701);
    return f.mul(f.elu(x, { alpha }), gamma);
  }),
  Shrink: unary((f, x, n) => {
    const bias = n.attributes.float('bias', 0);
    const lambda = n.attributes.float('lambd', 0.5);
    const below = f.select(f.less(x, -lambda), f.add(x, bias), 0);
    return f.select(f.greater(x, lambda), f.sub(x, bias), below);
  }),
  Sigmoid: unary((f, x) => f.sigmoid(x)),
  Softmax: row((n) => alongAxis(n, (x, axis) => n.f.softmax(x, axis))),
  Softplus: unary((f, x) => f.softplus(x)),
  Softsign: unary((f, x) => f.softsign(x)),
  ThresholdedRelu: unary((f, x, n) => f.select(f.greater(x, n.attributes.float('alpha', 1)), x, 0)),
};

/** The mask was a tensor of the operand's type before version 10. */
const castMaskType = (n: OnnxNode) => (n.opset < 10 ? n.type(0) : BOOL);
