import type { Shape } from '../../../ir/tensor.ts';
import type { Inputs, Model, Outputs, Training } from '../../frontend/model.ts';

/** Values of an input that are known when the model is built. */
export type KnownValues =
  | readonly number[]
  | { readonly values: ArrayLike<number>; readonly shape?: Shape };

/** What {@link fromOnnx} goes by. */
export interface FromOnnxOptions {
  /** Of the model; default: that of the graph. */
  readonly name?: string;
  /**
   * What the axes are that the file leaves open, by the names that it gives them. They are options of the model as well: `compile(async
   * () => (await fromOnnx(bytes)).model, { set: { batch: 8 } })`. Default 1 for the first axis, 224 for those of images, 16 for others.
   */
  readonly dimensions?: Readonly<Record<string, number>>;
  /** Inputs that are no inputs of the model but have these values: shapes, axes, trip counts, in row-major order. */
  readonly values?: Readonly<Record<string, KnownValues>>;
  /** The bytes of a file beside the model, by the location that the model states: of models with external data. */
  readonly external?: (location: string) => Uint8Array;
  /** Inputs that training takes beside those of the file, such as labels. */
  readonly inputs?: Inputs;
  /** How the model is trained. */
  readonly train?: Training<Inputs, Outputs>;
}

/** What {@link fromOnnx} gives. */
export interface OnnxModel {
  readonly model: Model;
  /** The weights of the file as safetensors, in btc's layout and names: what `load(plan, { parameters })` takes. */
  readonly parameters: Uint8Array<ArrayBuffer>;
  /** Outputs of the program `predict`: names and element types of ONNX, and shapes. */
  readonly outputs: readonly {
    readonly name: string;
    readonly type: string;
    readonly shape: Shape;
  }[];
}
