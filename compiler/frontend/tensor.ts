import type { ValueId } from '../../ir/graph.ts';
import type { DType, Shape, TensorType } from '../../ir/tensor.ts';
import * as activations from './activations.ts';
import { matmul } from './contractions.ts';
import * as distances from './distances.ts';
import type { DTypeName } from './dtype-names.ts';
import * as elementwise from './elementwise.ts';
import * as functions from './functions.ts';
import * as indexing from './indexing.ts';
import { refuseValue, withArguments } from './misused.ts';
import type { PaddingMode } from './padding.ts';
import * as random from './random.ts';
import * as rearranging from './rearranging.ts';
import * as reductions from './reductions.ts';
import * as scans from './scans.ts';
import * as sorting from './sorting.ts';
import * as views from './views.ts';

/** What arithmetic takes: a tensor, or a number that becomes one of the other operand's dtype. */
export type TensorLike = Tensor | number;

/**
 * A symbolic tensor: it has a dtype and a shape, and no values while the model is being built. Every method does what the
 * free function of its name does.
 */
export class Tensor {
  /** @internal Index in the graph that is being traced; -1 after a mistake. */
  readonly value: ValueId;
  readonly type: TensorType;

  /** @internal */
  constructor(value: ValueId, type: TensorType) {
    this.value = value;
    this.type = type;
  }

  get dtype(): DType {
    return this.type.dtype;
  }
  /** Extents, outermost first; `[]` for a scalar. */
  get shape(): Shape {
    return this.type.shape;
  }
  get rank(): number {
    return this.type.shape.length;
  }

  add(other: TensorLike): Tensor {
    return elementwise.add(this, other);
  }
  sub(other: TensorLike): Tensor {
    return elementwise.sub(this, other);
  }
  mul(other: TensorLike): Tensor {
    return elementwise.mul(this, other);
  }
  div(other: TensorLike): Tensor {
    return elementwise.div(this, other);
  }
  pow(other: TensorLike): Tensor {
    return elementwise.pow(this, other);
  }
  mod(other: TensorLike): Tensor {
    return elementwise.mod(this, other);
  }
  maximum(other: TensorLike): Tensor {
    return elementwise.maximum(this, other);
  }
  minimum(other: TensorLike): Tensor {
    return elementwise.minimum(this, other);
  }
  equal(other: TensorLike): Tensor {
    return elementwise.equal(this, other);
  }
  notEqual(other: TensorLike): Tensor {
    return elementwise.notEqual(this, other);
  }
  less(other: TensorLike): Tensor {
    return elementwise.less(this, other);
  }
  lessEqual(other: TensorLike): Tensor {
    return elementwise.lessEqual(this, other);
  }
  greater(other: TensorLike): Tensor {
    return elementwise.greater(this, other);
  }
  greaterEqual(other: TensorLike): Tensor {
    return elementwise.greaterEqual(this, other);
  }
  logicalAnd(other: Tensor): Tensor {
    return elementwise.logicalAnd(this, other);
  }
  logicalOr(other: Tensor): Tensor {
    return elementwise.logicalOr(this, other);
  }
  logicalXor(other: Tensor): Tensor {
    return elementwise.logicalXor(this, other);
  }
  logicalNot(): Tensor {
    return elementwise.logicalNot(this);
  }
  neg(): Tensor {
    return elementwise.neg(this);
  }
  abs(): Tensor {
    return elementwise.abs(this);
  }
  sign(): Tensor {
    return elementwise.sign(this);
  }
  exp(): Tensor {
    return elementwise.exp(this);
  }
  expm1(): Tensor {
    return elementwise.expm1(this);
  }
  log(): Tensor {
    return elementwise.log(this);
  }
  log1p(): Tensor {
    return elementwise.log1p(this);
  }
  sqrt(): Tensor {
    return elementwise.sqrt(this);
  }
  rsqrt(): Tensor {
    return elementwise.rsqrt(this);
  }
  square(): Tensor {
    return elementwise.square(this);
  }
  reciprocal(): Tensor {
    return elementwise.reciprocal(this);
  }
  tanh(): Tensor {
    return elementwise.tanh(this);
  }
  sigmoid(): Tensor {
    return elementwise.sigmoid(this);
  }
  erf(): Tensor {
    return elementwise.erf(this);
  }
  erfc(): Tensor {
    return elementwise.erfc(this);
  }
  sin(): Tensor {
    return elementwise.sin(this);
  }
  cos(): Tensor {
    return elementwise.cos(this);
  }
  floor(): Tensor {
    return elementwise.floor(this);
  }
  isFinite(): Tensor {
    return elementwise.isFinite(this);
  }
  isInfinite(): Tensor {
    return elementwise.isInfinite(this);
  }
  isNan(): Tensor {
    return elementwise.isNan(this);
  }
  stopGradient(): Tensor {
    return elementwise.stopGradient(this);
  }
  cast(dtype: DTypeName): Tensor {
    return elementwise.cast(this, dtype);
  }
  clip(low: TensorLike, high: TensorLike): Tensor {
    return elementwise.clip(this, low, high);
  }
  /** This where `condition` (i32) is not 0, else `other`. */
  where(condition: Tensor, other: TensorLike): Tensor {
    return elementwise.where(condition, this, other);
  }

  maskedFill(mask: Tensor, value: TensorLike): Tensor {
    return elementwise.maskedFill(this, mask, value);
  }

  relu(): Tensor {
    return activations.relu(this);
  }
  relu6(): Tensor {
    return activations.relu6(this);
  }
  silu(): Tensor {
    return activations.silu(this);
  }
  mish(): Tensor {
    return activations.mish(this);
  }
  selu(): Tensor {
    return activations.selu(this);
  }
  hardSwish(): Tensor {
    return activations.hardSwish(this);
  }
  hardSigmoid(): Tensor {
    return activations.hardSigmoid(this);
  }
  hardTanh(): Tensor {
    return activations.hardTanh(this);
  }
  logSigmoid(): Tensor {
    return activations.logSigmoid(this);
  }
  softsign(): Tensor {
    return activations.softsign(this);
  }
  leakyRelu(slope?: number): Tensor {
    return activations.leakyRelu(this, slope);
  }
  gelu(options?: activations.GeluOptions): Tensor {
    return activations.gelu(this, options);
  }
  elu(options?: activations.EluOptions): Tensor {
    return activations.elu(this, options);
  }
  celu(options?: activations.EluOptions): Tensor {
    return activations.celu(this, options);
  }
  softplus(options?: activations.SoftplusOptions): Tensor {
    return activations.softplus(this, options);
  }
  prelu(slope: Tensor): Tensor {
    return activations.prelu(this, slope);
  }
  glu(axis?: number): Tensor {
    return activations.glu(this, axis);
  }
  softmax(axis?: number): Tensor {
    return functions.softmax(this, axis);
  }
  logSoftmax(axis?: number): Tensor {
    return functions.logSoftmax(this, axis);
  }
  bernoulli(): Tensor {
    return random.bernoulli(this);
  }
  dropout(rate?: number): Tensor {
    return functions.dropout(this, rate);
  }

  matmul(other: Tensor): Tensor {
    return matmul(this, other);
  }

  sum(axes?: number | readonly number[], options?: reductions.ReductionOptions): Tensor {
    return reductions.sum(this, axes, options);
  }
  mean(axes?: number | readonly number[], options?: reductions.ReductionOptions): Tensor {
    return reductions.mean(this, axes, options);
  }
  max(axes?: number | readonly number[], options?: reductions.ReductionOptions): Tensor {
    return reductions.max(this, axes, options);
  }
  min(axes?: number | readonly number[], options?: reductions.ReductionOptions): Tensor {
    return reductions.min(this, axes, options);
  }
  any(axes?: number | readonly number[], options?: reductions.ReductionOptions): Tensor {
    return reductions.any(this, axes, options);
  }
  all(axes?: number | readonly number[], options?: reductions.ReductionOptions): Tensor {
    return reductions.all(this, axes, options);
  }
  logSumExp(axes?: number | readonly number[], options?: reductions.ReductionOptions): Tensor {
    return functions.logSumExp(this, axes, options);
  }
  variance(axes?: number | readonly number[], options?: reductions.VarianceOptions): Tensor {
    return reductions.variance(this, axes, options);
  }
  std(axes?: number | readonly number[], options?: reductions.VarianceOptions): Tensor {
    return distances.std(this, axes, options);
  }
  norm(axes?: number | readonly number[], options?: distances.NormOptions): Tensor {
    return distances.norm(this, axes, options);
  }
  prod(axis?: number, options?: reductions.ReductionOptions): Tensor {
    return scans.prod(this, axis, options);
  }
  argmax(axis?: number, options?: reductions.ReductionOptions): Tensor {
    return reductions.argmax(this, axis, options);
  }
  argmin(axis?: number, options?: reductions.ReductionOptions): Tensor {
    return reductions.argmin(this, axis, options);
  }
  sumOfSquares(): Tensor {
    return reductions.sumOfSquares(this);
  }
  cumsum(axis?: number, options?: scans.ScanOptions): Tensor {
    return scans.cumsum(this, axis, options);
  }
  cumprod(axis?: number, options?: scans.ScanOptions): Tensor {
    return scans.cumprod(this, axis, options);
  }
  sort(axis?: number, options?: sorting.SortOptions): sorting.Sorted {
    return sorting.sort(this, axis, options);
  }
  argsort(axis?: number, options?: sorting.SortOptions): Tensor {
    return sorting.argsort(this, axis, options);
  }
  topk(k: number, options?: sorting.TopOptions): sorting.Sorted {
    return sorting.topk(this, k, options);
  }

  reshape(shape: readonly number[]): Tensor {
    return views.reshape(this, shape);
  }
  view(shape: readonly number[]): Tensor {
    return rearranging.view(this, shape);
  }
  flatten(start?: number, end?: number): Tensor {
    return rearranging.flatten(this, start, end);
  }
  transpose(permutation?: readonly number[]): Tensor {
    return views.transpose(this, permutation);
  }
  permute(order: readonly number[]): Tensor {
    return rearranging.permute(this, order);
  }
  expandDims(axis: number): Tensor {
    return views.expandDims(this, axis);
  }
  unsqueeze(axis: number): Tensor {
    return rearranging.unsqueeze(this, axis);
  }
  squeeze(axis?: number): Tensor {
    return views.squeeze(this, axis);
  }
  broadcastTo(shape: Shape): Tensor {
    return views.broadcastTo(this, shape);
  }
  slice(axis: number, start: number, end?: number, step?: number): Tensor {
    return views.slice(this, axis, start, end, step);
  }
  split(parts: number, axis?: number): Tensor[] {
    return views.split(this, parts, axis);
  }
  pad(
    widths: readonly (readonly [number, number] | readonly number[])[],
    value?: number | PaddingMode,
  ): Tensor {
    return views.pad(this, widths, value);
  }
  flip(axes?: number | readonly number[]): Tensor {
    return rearranging.flip(this, axes);
  }
  roll(shift: number, axis?: number): Tensor {
    return rearranging.roll(this, shift, axis);
  }
  tril(diagonal?: number): Tensor {
    return rearranging.tril(this, diagonal);
  }
  triu(diagonal?: number): Tensor {
    return rearranging.triu(this, diagonal);
  }

  gather(indices: Tensor): Tensor {
    return views.gather(this, indices);
  }
  oneHot(depth: number): Tensor {
    return views.oneHot(this, depth);
  }
  take(indices: Tensor, axis?: number): Tensor {
    return indexing.take(this, indices, axis);
  }
  takeAlongAxis(indices: Tensor, axis?: number): Tensor {
    return indexing.takeAlongAxis(this, indices, axis);
  }
  scatterAlongAxis(indices: Tensor, updates: Tensor, axis?: number): Tensor {
    return indexing.scatterAlongAxis(this, indices, updates, axis);
  }
  scatterAddAlongAxis(indices: Tensor, updates: Tensor, axis?: number): Tensor {
    return indexing.scatterAddAlongAxis(this, indices, updates, axis);
  }
}

// No method has a default or a rest of its parameters, so its length is how many arguments it takes.
for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype)))
  if (typeof value === 'function' && name !== 'constructor')
    Object.defineProperty(Tensor.prototype, name, {
      value: withArguments(name, value.length, value),
    });
refuseValue(
  Tensor.prototype,
  'a tensor',
  'write add(a, b) for a + b, greater(a, b) for a > b and select(condition, a, b) for a choice; its shape and dtype are known',
);
