import type { SourceSpan } from '../../ir/source.ts';
import type { Shape } from '../../ir/tensor.ts';
import { currentSpan } from '../reporting/call-sites.ts';
import type { DTypeName } from './dtype-names.ts';
import type { Optimiser } from './optimiser.ts';
import type { LossScale, Precision } from './precision.ts';
import type { Tensor } from './tensor.ts';

/** Dtype and shape of an input, with the place where it was declared. */
export interface InputSpec {
  readonly dtype: DTypeName;
  readonly shape: Shape;
  readonly source: SourceSpan | null;
}

/**
 * Declares an input of a model: `tensor([batch, 784])`, `tensor([batch], 'i32')`. `bool` is a mask: i32 that is 0 or 1, for which sessions
 * take booleans too and refuse other numbers.
 */
export function tensor(shape: Shape, dtype: DTypeName = 'f32'): InputSpec {
  return { dtype, shape, source: currentSpan() };
}

/** Inputs of a model by name, as {@link tensor} declares them. */
export type Inputs = Readonly<Record<string, InputSpec>>;
/** Outputs of a program by name. */
export type Outputs = Readonly<Record<string, Tensor>>;
type Tensors<I extends Inputs> = { readonly [Name in keyof I]: Tensor };

/** What a function of the model may ask while it is traced. */
export interface BuildContext {
  /** True while the program `train` is traced, false for `predict`. */
  readonly training: boolean;
}

/** The loss of a model and the optimiser that lowers it. */
export interface Training<I extends Inputs, O extends Outputs> {
  /** A scalar f32 tensor from the outputs of `build` and the inputs. It is the output `loss` of the program `train`. */
  loss(outputs: O, inputs: Tensors<I>): Tensor;
  readonly optimizer: Optimiser;
  /**
   * `f16`: activations, their gradients and copies of weights take half of the bytes, in all programs. Weights, their gradients,
   * the optimiser's state, sums and the loss stay f32, and everything is computed in f32. Default `f32`.
   */
  readonly precision?: Precision;
  /**
   * What the loss is multiplied by for its gradient, so that small gradients do not vanish in f16. `dynamic`, the default with
   * `precision: 'f16'`: it adapts, and steps whose gradients are not finite change nothing. Default 1 otherwise.
   */
  readonly lossScale?: LossScale;
  /** More outputs of the program `train`. */
  metrics?(outputs: O, inputs: Tensors<I>): Outputs;
}

/** A further program over the model's parameters. */
export type ProgramFunction<I extends Inputs> = (
  inputs: Tensors<I>,
  context: BuildContext,
) => Outputs;

/** What {@link defineModel} takes. */
export interface ModelDefinition<I extends Inputs = Inputs, O extends Outputs = Outputs> {
  /** Letters, digits, `_` and `-`, starting with a letter. */
  readonly name: string;
  /** Of initial values and random numbers; default 0. */
  readonly seed?: number;
  readonly inputs: I;
  /** The forward pass. It runs once per program at compile time; what it returns is what `predict` returns. */
  build(inputs: Tensors<I>, context: BuildContext): O;
  /** Makes the program `train`: loss, gradients and an update of every parameter. */
  readonly train?: Training<I, O>;
  readonly programs?: Readonly<Record<string, ProgramFunction<I>>>;
}

const MODEL = Symbol.for('btc.model');

/** What {@link defineModel} returns and `compile` takes. */
export interface Model {
  readonly [MODEL]: true;
  readonly definition: ModelDefinition;
  readonly source: SourceSpan | null;
}

/**
 * Defines a model: its inputs, its forward pass, how it is trained, and further programs over the same parameters. The
 * functions run at compile time, once per program, on symbolic tensors.
 */
export function defineModel<I extends Inputs, O extends Outputs>(
  definition: ModelDefinition<I, O>,
): Model {
  return {
    [MODEL]: true,
    definition: definition as unknown as ModelDefinition,
    source: currentSpan(),
  };
}

export function isModel(value: unknown): value is Model {
  return typeof value === 'object' && value !== null && MODEL in value;
}
