import type { ReductionOptions } from '../../../frontend/reductions.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import { INT64 } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { constant } from '../tensor-data.ts';
import { like, rangeOf, rawOf } from './layout.ts';
import { type OperatorRow, type OperatorTable, row } from './row.ts';
import { axesOf } from './shapes.ts';

type Reduce = (
  n: OnnxNode,
  x: Tensor,
  axes: readonly number[],
  options: ReductionOptions,
) => Tensor;

/** A reduction with axes from an attribute, and from an input from a version on. */
function reduction(since: number, reduce: Reduce): OperatorRow {
  return row((n) => {
    const { f } = n;
    const shape = n.shape(0);
    const keepDims = n.attributes.int('keepdims', 1) !== 0;
    const given = axesOf(n, 1, since);
    if ((!given || given.length === 0) && n.attributes.int('noop_with_empty_axes', 0) !== 0)
      return n.inputs[0];
    const axes =
      given && given.length > 0
        ? given.map((axis) => n.axis(axis, shape.length))
        : rangeOf(shape.length);
    // No elements at all, as of the extents of a scalar.
    if (shape.includes(0)) return emptied(n, axes, keepDims);
    const value = n.value(0);
    const order = value.kind === 'tensor' ? value.order : null;
    const own = order ? axes.map((axis) => order[axis]) : axes;
    const x = order && !keepDims ? n.tensor(0) : rawOf(n, 0);
    const sorted = (order && !keepDims ? axes : own).slice().sort((a, b) => a - b);
    const options = keepDims ? { keepDims: true } : {};
    const made = sorted.length === 0 ? f.add(x, 0) : reduce(n, x, sorted, options);
    const back = f.cast(made, n.type(0).dtype);
    return keepDims ? like(n, 0, back) : n.result(back);
  });
}

function emptied(n: OnnxNode, axes: readonly number[], keepDims: boolean) {
  const neutral: Readonly<Record<string, number>> = { ReduceProd: 1, ReduceSum: 0 };
  if (!(n.op in neutral)) return n.refuse('it reduces a tensor that has no elements');
  const shape = n
    .shape(0)
    .flatMap((extent, axis) => (!axes.includes(axis) ? [extent] : keepDims ? [1] : []));
  const count = shape.reduce((product, extent) => product * extent, 1);
  return constant(n.type(0), shape, () => new Float64Array(count).fill(neutral[n.op]));
}

const floats =
  (reduce: Reduce): Reduce =>
  (n, x, axes, options) =>
    reduce(n, n.f.cast(x, 'f32'), axes, options);

function product(n: OnnxNode, x: Tensor, axes: readonly number[], options: ReductionOptions) {
  const { f } = n;
  // From the last on, so that the numbers of those before it stay.
  return axes.reduceRight((y, axis) => f.prod(y, axis, options), x);
}

const extremum = (name: 'argmax' | 'argmin'): OperatorRow =>
  row((n) => {
    const { f } = n;
    const rank = n.shape(0).length;
    const axis = n.axis(n.attributes.int('axis', 0), rank);
    const keepDims = n.attributes.int('keepdims', 1) !== 0;
    const x = n.tensor(0);
    const options = keepDims ? { keepDims: true } : {};
    if (n.attributes.int('select_last_index', 0) === 0)
      return n.result(f[name](x, axis, options), INT64);
    const fromTheEnd = f[name](f.flip(x, axis), axis, options);
    return n.result(f.sub(x.shape[axis] - 1, fromTheEnd), INT64);
  });

/** Means of integers are integers again. */
const mean: Reduce = floats((n, x, axes, options) => n.f.mean(x, axes, options));

export const REDUCTIONS: OperatorTable = {
  ArgMax: extremum('argmax'),
  ArgMin: extremum('argmin'),
  GlobalMaxPool: row((n) => {
    const axes = rangeOf(n.shape(0).length).slice(2);
    return n.result(n.f.max(n.tensor(0), axes, { keepDims: true }));
  }),
  ReduceL1: reduction(18, (n, x, axes, options) => n.f.sum(n.f.abs(x), axes, options)),
  ReduceL2: reduction(
    18,
    floats((n, x, axes, options) => n.f.sqrt(n.f.sum(n.f.mul(x, x), axes, options))),
  ),
  ReduceLogSum: reduction(
    18,
    floats((n, x, axes, options) => n.f.log(n.f.sum(x, axes, options))),
  ),
  ReduceLogSumExp: reduction(
    18,
    floats((n, x, axes, options) => n.f.logSumExp(x, axes, options)),
  ),
  ReduceMax: reduction(18, (n, x, axes, options) => n.f.max(x, axes, options)),
  ReduceMean: reduction(18, mean),
  ReduceMin: reduction(18, (n, x, axes, options) => n.f.min(x, axes, options)),
  ReduceProd: reduction(18, product),
  ReduceSum: reduction(13, (n, x, axes, options) => n.f.sum(x, axes, options)),
  ReduceSumSquare: reduction(18, (n, x, axes, options) => n.f.sum(n.f.mul(x, x), axes, options)),
};
