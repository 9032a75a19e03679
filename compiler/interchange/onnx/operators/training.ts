import type { Tensor } from '../../../frontend/tensor.ts';
import type { OnnxNode } from '../node.ts';
import type { Value } from '../values.ts';
import { rangeOf } from './layout.ts';
import { type OperatorTable, row } from './row.ts';

/** A tensor, its gradient and its states, as an optimiser has them one after the other. */
type Update = (
  n: OnnxNode,
  rate: Tensor,
  step: Tensor,
  tensors: readonly Tensor[],
) => readonly Tensor[];

/** Inputs are the rate, the step, all tensors, all gradients, and all of each state; outputs all tensors and all of each state. */
const optimiser = (states: number, update: Update) =>
  row((n): readonly Value[] => {
    const count = (n.inputs.length - 2) / (2 + states);
    if (!Number.isInteger(count)) return n.refuse(`it has ${n.inputs.length} inputs`);
    const made = rangeOf(count).map((k) => {
      const own = rangeOf(2 + states).map((part) => n.tensor(2 + part * count + k));
      return update(n, n.tensor(0), n.f.cast(n.tensor(1), 'f32'), own);
    });
    return rangeOf(1 + states).flatMap((part) =>
      made.map((results, k) => n.result(results[part], n.type(2 + k))),
    );
  });

/** The gradient with the L2 penalty of an attribute. */
function penalised(n: OnnxNode, x: Tensor, gradient: Tensor): Tensor {
  const penalty = n.attributes.float('norm_coefficient', 0);
  return penalty === 0 ? gradient : n.f.add(gradient, n.f.mul(x, penalty));
}

/** By ONNX's own domain for training. */
export const TRAINING: OperatorTable = {
  Adagrad: optimiser(1, (n, rate, step, [x, gradient, squares]) => {
    const { f, attributes } = n;
    const decay = attributes.float('decay_factor', 0);
    const now = f.div(rate, f.add(f.mul(step, decay), 1));
    const g = penalised(n, x, gradient);
    const total = f.add(squares, f.mul(g, g));
    const size = f.add(f.sqrt(total), attributes.float('epsilon', 1e-6));
    return [f.sub(x, f.mul(now, f.div(g, size))), total];
  }),
  Adam: optimiser(2, (n, rate, step, [x, gradient, mean, square]) => {
    const { f, attributes } = n;
    const [alpha, beta] = [attributes.float('alpha', 0.9), attributes.float('beta', 0.999)];
    const g = penalised(n, x, gradient);
    const v = f.add(f.mul(mean, alpha), f.mul(g, 1 - alpha));
    const h = f.add(f.mul(square, beta), f.mul(f.mul(g, g), 1 - beta));
    const correction = f.div(f.sqrt(f.sub(1, f.pow(beta, step))), f.sub(1, f.pow(alpha, step)));
    const isLater = f.greater(step, 0);
    const now = f.select(isLater, f.mul(rate, correction), rate);
    const moved = f.sub(
      x,
      f.mul(now, f.div(v, f.add(f.sqrt(h), attributes.float('epsilon', 1e-6)))),
    );
    const post = attributes.float('norm_coefficient_post', 0);
    return [post === 0 ? moved : f.mul(moved, 1 - post), v, h];
  }),
  Momentum: optimiser(1, (n, rate, step, [x, gradient, momentum]) => {
    const { f, attributes } = n;
    const alpha = attributes.float('alpha', 0);
    const beta = attributes.float('beta', 1);
    const g = penalised(n, x, gradient);
    const share = f.select(f.greater(step, 0), f.full([], beta), 1);
    const v = f.add(f.mul(momentum, alpha), f.mul(g, share));
    const isNesterov = attributes.text('mode', 'standard') === 'nesterov';
    const move = isNesterov ? f.add(g, f.mul(v, alpha)) : v;
    return [f.sub(x, f.mul(rate, move)), v];
  }),
};
