import type { SourceSpan } from '../../ir/source.ts';
import type { Shape } from '../../ir/tensor.ts';
import { currentSpan } from '../reporting/call-sites.ts';
import type { DTypeName } from './dtype-names.ts';
import type { Optimiser, ParameterFilter } from './optimiser.ts';
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
/** The tensors of a model's inputs, by name. */
export type Tensors<I extends Inputs> = { readonly [Name in keyof I]: Tensor };

/** What a function of the model may ask while it is traced. */
export interface BuildContext {
  /** True while a program that trains is traced, false for `predict`, `evaluate` and programs of the user's own. */
  readonly training: boolean;
  /** The name of the program that is traced: `predict`, `train`. */
  readonly program: string;
}

/** The loss of a model and the optimiser that lowers it. */
export interface Training<I extends Inputs, O extends Outputs> {
  /** A scalar f32 tensor from the outputs of `build` and the inputs. It is the output `loss` of the program `train`. */
  loss(outputs: O, inputs: Tensors<I>): Tensor;
  readonly optimizer: Optimiser;
  /** The parameters that it moves, of those that the loss depends on; default all. */
  readonly parameters?: ParameterFilter;
  /**
   * Makes three programs more: `accumulate` adds the gradients of a batch to sums that outlive it, `update` moves the parameters by their
   * mean and clears them, and `clear` only clears them, as after an error. Sums take the bytes of the parameters. Where nothing was
   * accumulated `update` goes by gradients of 0, so that decay and momentum still act: how many there are is known on the device alone,
   * and asking it would wait for it. Default false.
   */
  readonly accumulate?: boolean;
  /**
   * Makes two programs more: `gradients` gives the gradient of each parameter as the output `NAME.gradient` and moves nothing, and
   * `apply` takes them as inputs and moves the parameters. Between them, machines can average. Default false.
   */
  readonly exchange?: boolean;
  /** Makes the program `evaluate`: the loss and the metrics, with `training` false, nothing moved. Default false. */
  readonly evaluate?: boolean;
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
  /**
   * More outputs, of the gradients by name of the parameter, before they are clipped: `(gradients) => ({ norm: globalNorm(gradients) })`.
   * Programs that have whole gradients give them: `train`, `update`, `gradients` and `apply`.
   */
  gradientMetrics?(gradients: Readonly<Record<string, Tensor>>): Outputs;
}

/** Several trainings of one model by name, each with programs of its own: `generator`, `generator.accumulate`. */
export interface Trainings<I extends Inputs, O extends Outputs> {
  // Whatever has these is one training: what is wrong with it is said of that.
  readonly loss?: never;
  readonly optimizer?: never;
  readonly [name: string]: Training<I, O> | undefined;
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
  /** The forward pass. It runs at compile time, once for each program that needs it; what it returns is what `predict` returns. */
  build(inputs: Tensors<I>, context: BuildContext): O;
  /** Makes the program `train`: loss, gradients and an update of every parameter. Several trainings, by name, make one each. */
  readonly train?: Training<I, O> | Trainings<I, O>;
  /** Further programs. One that is called `predict` stands in for what `build` returns. */
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
