import type { Shape } from '../../../ir/tensor.ts';
import type { Tensor } from '../../frontend/tensor.ts';
import type { ElementType } from './element-types.ts';

/** Values that are known when the model is imported. */
export interface Constant {
  readonly kind: 'constant';
  readonly type: ElementType;
  readonly shape: Shape;
  /** Row-major. */
  readonly values: ArrayLike<number>;
  /** Its name where it is one of the model's weights: computed with as a parameter, and not folded. */
  readonly weight: string | null;
}

/** What the model computes. */
export interface Computed {
  readonly kind: 'tensor';
  readonly type: ElementType;
  readonly raw: Tensor;
  /**
   * How the raw tensor lies, or null where it lies as ONNX says: axis k of ONNX is axis `order[k]` of it. Images stay with channels
   * last from one convolution to the next.
   */
  readonly order: readonly number[] | null;
  /** Its values, where these are known nevertheless. */
  readonly known: Constant | null;
}

/** Tensors one after the other; how many is known. */
export interface Sequence {
  readonly kind: 'sequence';
  readonly items: readonly Value[];
}

/** An optional that holds nothing, or an input that was left out. */
export interface Nothing {
  readonly kind: 'nothing';
}

/** What a name of an ONNX graph stands for while it is imported. */
export type Value = Constant | Computed | Sequence | Nothing;

export const NOTHING: Nothing = { kind: 'nothing' };

export const computed = (type: ElementType, raw: Tensor): Computed => ({
  ...{ kind: 'tensor', type, raw, order: null, known: null },
});

/** The shape that ONNX says. */
export function shapeOf(value: Constant | Computed): Shape {
  if (value.kind === 'constant') return value.shape;
  const { raw, order } = value;
  return order ? order.map((axis) => raw.shape[axis]) : raw.shape;
}
