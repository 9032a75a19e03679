import type { ValueId } from '../../ir/graph.ts';
import type { DType, Shape, TensorType } from '../../ir/tensor.ts';
import { matmul } from './contractions.ts';
import * as elementwise from './elementwise.ts';
import * as reductions from './reductions.ts';
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
  neg(): Tensor {
    return elementwise.neg(this);
  }
  abs(): Tensor {
    return elementwise.abs(this);
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
  square(): Tensor {
    return elementwise.square(this);
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
  relu(): Tensor {
    return elementwise.relu(this);
  }
  cast(dtype: DType): Tensor {
    return elementwise.cast(this, dtype);
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

  reshape(shape: readonly number[]): Tensor {
    return views.reshape(this, shape);
  }
  transpose(permutation?: readonly number[]): Tensor {
    return views.transpose(this, permutation);
  }
  slice(axis: number, start: number, end?: number): Tensor {
    return views.slice(this, axis, start, end);
  }
}
