import { type ValueProgram, type ValueStep, withUses } from '../../compiler/plan-search/program.ts';

// Networks as lists of layers, with the accounting of SuperNeurons (PPoPP 2018): managed are the layers' outputs and the
// gradients of their inputs, in fp32; weights, their gradients, workspace and the batch are not. One step per layer forward and
// one per layer backward. Gradients of activations and local response norms take the place of the output's gradient, that of
// the softmax the place of its output.

export type LayerKind =
  | 'conv'
  | 'act'
  | 'lrn'
  | 'pool'
  | 'fc'
  | 'dropout'
  | 'softmax'
  | 'bn'
  | 'join'
  | 'fork';

export interface Layer {
  readonly name: string;
  readonly kind: LayerKind;
  /** Layers that it reads; -1 stands for the batch. */
  readonly inputs: readonly number[];
  readonly shape: readonly number[];
}

/** What the backward step of a layer reads besides the gradient of its output. */
const BACKWARD_READS: Readonly<Record<LayerKind, { readonly x: boolean; readonly y: boolean }>> = {
  conv: { x: true, y: false },
  fc: { x: true, y: false },
  act: { x: true, y: true },
  lrn: { x: true, y: true },
  pool: { x: true, y: true },
  bn: { x: true, y: false },
  dropout: { x: false, y: false },
  softmax: { x: true, y: true },
  join: { x: false, y: false },
  fork: { x: false, y: false },
};
const IN_PLACE: ReadonlySet<LayerKind> = new Set(['act', 'lrn']);
/** Never recomputed. */
const CHECKPOINTS: ReadonlySet<LayerKind> = new Set(['conv', 'fc', 'softmax', 'join', 'fork']);

const MIB = 2 ** 20;
const bytesOf = (shape: readonly number[]) =>
  4 * shape.reduce((product, extent) => product * extent, 1);
export const mebibytes = (bytes: number) => bytes / MIB;

/** The training step of a network. `batch` is the shape of what the first layer reads. */
export function layerProgram(layers: readonly Layer[], batch: readonly number[]): ValueProgram {
  const values: { name: string; bytes: number; kind: 'temporary' }[] = [];
  const steps: ValueStep[] = [];
  const value = (name: string, shape: readonly number[]) =>
    values.push({ name, bytes: bytesOf(shape), kind: 'temporary' }) - 1;
  const step = (reads: readonly number[], writes: readonly number[], checkpoint: boolean) =>
    steps.push({
      reads: [...new Set(reads)],
      writes: [...new Set(writes)],
      seconds: 1,
      repeatable: true,
      checkpoint,
      pairs: [],
    });

  const outputs = layers.map(({ name, shape }) => value(name, shape));
  layers.forEach(({ kind, inputs }, layer) => {
    const reads = inputs.filter((input) => input >= 0).map((input) => outputs[input]);
    step(reads, [outputs[layer]], CHECKPOINTS.has(kind));
  });
  const accumulated = new Set<number>();
  /** By layer: the value that holds the gradient of its output. */
  const gradients = new Int32Array(layers.length).fill(-1);
  for (let layer = layers.length - 1; layer >= 0; layer--) {
    const { name, kind, inputs } = layers[layer];
    const { x, y } = BACKWARD_READS[kind];
    const dy = kind === 'softmax' ? outputs[layer] : gradients[layer];
    const known = inputs.filter((input) => input >= 0);
    const reads = [
      dy,
      ...(x ? known.map((input) => outputs[input]) : []),
      ...(y ? [outputs[layer]] : []),
    ];
    const writes = inputs.map((input) => {
      const shared = input >= 0 && gradients[input] >= 0;
      const place = shared
        ? gradients[input]
        : IN_PLACE.has(kind) || kind === 'softmax'
          ? dy
          : value(`d ${name}`, input < 0 ? batch : layers[input].shape);
      if (input >= 0) gradients[input] = place;
      if (shared || place === dy) accumulated.add(place);
      return place;
    });
    step([...reads, ...writes.filter((place) => accumulated.has(place))], writes, false);
  }
  return {
    name: 'layers',
    steps,
    values: withUses(steps, values, accumulated),
    turn: layers.length,
  };
}
