import type { Tensor } from '../../../frontend/tensor.ts';
import type { OnnxNode } from '../node.ts';
import type { Value } from '../values.ts';
import { rangeOf } from './layout.ts';
import { type OperatorTable, row } from './row.ts';

/** Classes of [batch, classes, …] last. */
const classesLast = (n: OnnxNode, x: Tensor): Tensor =>
  x.rank === 2 ? x : n.f.transpose(x, [0, ...rangeOf(x.rank).slice(2), 1]);

/** -Σ over the classes of one-hot targets times logs, by weights and reductions of ONNX. */
function likelihood(n: OnnxNode, logs: Tensor): Tensor {
  const { f, attributes } = n;
  const targets = n.tensor(1);
  const ignored = attributes.has('ignore_index') ? attributes.int('ignore_index', 0) : null;
  const hit = f.equal(f.iota(logs.shape, logs.rank - 1), f.expandDims(targets, -1));
  const each = f.neg(f.sum(f.select(hit, logs, 0), -1));
  const weights = n.has(2) ? f.sum(f.select(hit, n.tensor(2), 0), -1) : null;
  const kept = ignored === null ? null : f.cast(f.notEqual(targets, ignored), 'f32');
  const share = weights && kept ? f.mul(weights, kept) : (weights ?? kept);
  const losses = share ? f.mul(each, share) : each;
  const reduction = attributes.text('reduction', 'mean');
  if (reduction === 'none') return losses;
  if (reduction === 'sum') return f.sum(losses);
  if (reduction !== 'mean')
    return n.refuse(`its reduction is '${reduction}'`, 'none, sum and mean are');
  return share ? f.div(f.sum(losses), f.sum(share)) : f.mean(losses);
}

export const LOSSES: OperatorTable = {
  NegativeLogLikelihoodLoss: row((n) => n.result(likelihood(n, classesLast(n, n.tensor(0))))),
  SoftmaxCrossEntropyLoss: row((n): readonly Value[] => {
    const { f } = n;
    const logs = f.logSoftmax(classesLast(n, n.tensor(0)), -1);
    const loss = n.result(likelihood(n, logs));
    if (n.outputs.length < 2) return [loss];
    const back = rangeOf(logs.rank - 2).map((k) => k + 1);
    return [loss, n.result(f.transpose(logs, [0, logs.rank - 1, ...back]))];
  }),
};
