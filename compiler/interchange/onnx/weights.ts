import { elementCount, rowMajorStrides, type Shape } from '../../../ir/tensor.ts';
import type { Initialiser } from '../../frontend/initialisers.ts';
import type { Tensor } from '../../frontend/tensor.ts';
import type { Recorder } from './recorder.ts';
import type { Constant } from './values.ts';

/** A parameter or state of the imported model, with its values in btc's layout. */
export interface Weight {
  readonly name: string;
  readonly shape: Shape;
  readonly values: () => Float32Array;
}

/** What the parameters and states of a model are called, and what they hold. */
export interface Weights {
  readonly all: ReadonlyMap<string, Weight>;
  /** A name that nothing has, as near to the wanted one as can be. */
  free(wanted: string): string;
  /** Whether a weight of the file is a tensor of the program by itself. */
  declares(own: string): boolean;
  /** Forgets all but these. */
  keep(names: ReadonlySet<string>): void;
  /** Notes the values of what a layer declares. */
  add(weight: Weight): void;
  /** The constant as a tensor of the program: declared once, under a name that is free. `own` is the file's. */
  tensor(constant: Constant, own: string, name: string, trained: boolean): Tensor;
}

export function createWeights({ f }: Recorder): Weights {
  const all = new Map<string, Weight>();
  const tensors = new Map<string, Tensor>();
  const weights: Weights = {
    all,
    free(wanted) {
      let name = wanted;
      for (let k = 2; all.has(name); k++) name = `${wanted}${k}`;
      return name;
    },
    declares: (own) => tensors.has(own),
    keep(names) {
      for (const name of all.keys()) if (!names.has(name)) all.delete(name);
    },
    add(weight) {
      all.set(weight.name, weight);
    },
    tensor(constant, own, wanted, trained) {
      const { shape } = constant;
      const known = tensors.get(own);
      if (known) return known;
      const name = weights.free(wanted);
      weights.add({ name, shape, values: () => Float32Array.from(constant.values) });
      const made = trained
        ? f.param(name, shape, initialiserOf(f, name, shape))
        : f.state(name, shape, f.init.zeros).value;
      tensors.set(own, made);
      return made;
    },
  };
  return weights;
}

/** Vectors are biases, or scales where they are called so: of a network that starts anew. */
function initialiserOf(f: Recorder['f'], name: string, shape: Shape): Initialiser {
  if (shape.length > 1) return f.init.glorotUniform;
  return /(weight|gamma|scale)$/i.test(name) ? f.init.ones : f.init.zeros;
}

/** The values of a constant with its axes in another order. */
export function permuted(constant: Constant, order: readonly number[]): Float32Array {
  const { shape, values } = constant;
  const strides = rowMajorStrides(shape);
  const extents = order.map((axis) => shape[axis]);
  const steps = order.map((axis) => strides[axis]);
  const result = new Float32Array(elementCount(shape));
  const at = extents.map(() => 0);
  let from = 0;
  for (let k = 0; k < result.length; k++) {
    result[k] = values[from];
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++at[axis] < extents[axis]) break;
      from -= steps[axis] * extents[axis];
      at[axis] = 0;
    }
  }
  return result;
}
