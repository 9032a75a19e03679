import type { Tensor } from '../../../frontend/tensor.ts';
import type { OnnxNode } from '../node.ts';
import { INPUTS, type Recurrence, WEIGHTS } from '../patterns/recurrences.ts';
import type { Constant, Value } from '../values.ts';
import { permuted } from '../weights.ts';
import { type LayerWeight, layerFor } from './layers.ts';
import { channelsLast, withChannelsLast } from './layout.ts';

/** A layer of time that the file has step by step: what its node gives. */
export function runRecurrence(n: OnnxNode, recurrence: Recurrence): readonly Value[] {
  const { kind, time, isRelu, isReverse, gives, layout } = recurrence;
  const { f } = n;
  const weights: Record<string, LayerWeight> = {};
  for (const name of WEIGHTS) {
    const at = INPUTS.indexOf(name);
    if (n.has(at)) weights[name] = weightOf(n.value(at) as Constant, name.endsWith('Weight'));
  }
  const shape = n.shape(INPUTS.indexOf('inputWeight'));
  const inside = layout === 'rows' ? shape[0] : shape[1];
  const [hidden] = n.shape(INPUTS.indexOf('hiddenWeight'));
  const name = layerFor(n, weights);
  const layer =
    kind === 'rnn' && isRelu
      ? f.rnn(inside, hidden, { name, nonlinearity: 'relu' })
      : f[kind](inside, hidden, { name });
  const x = sequenceOf(n, recurrence, inside);
  const [batch] = x.shape;
  const state = (part: 'hidden' | 'cell') => {
    const at = INPUTS.indexOf(part);
    return n.has(at) ? f.broadcastTo(n.tensor(at), [batch, hidden]) : null;
  };
  const [before, cell] = [state('hidden'), kind === 'lstm' ? state('cell') : null];
  const zeros = () => f.full([batch, hidden], 0);
  const initial =
    before || cell
      ? {
          hidden: before ?? zeros(),
          ...(kind === 'lstm' ? { cell: cell ?? zeros() } : {}),
        }
      : undefined;
  const { outputs, state: end } = isReverse
    ? layer(x, initial, { reverse: true })
    : initial
      ? layer(x, initial)
      : layer(x);
  const last = isReverse ? 0 : time - 1;
  const step = (at: number): Tensor =>
    at === last ? end.hidden : f.squeeze(f.slice(outputs, 1, at, at + 1), 1);
  return gives.map((given): Value => {
    if (given.kind === 'all') return withChannelsLast(n.type(0), outputs);
    return n.result(given.kind === 'step' ? step(given.step) : end.cell!);
  });
}

/** [batch, time, features] of the steps that there are. */
function sequenceOf(n: OnnxNode, { layout, time, places }: Recurrence, inside: number): Tensor {
  const x =
    layout === 'rows' ? n.f.reshape(n.tensor(0), [-1, places ?? time, inside]) : channelsLast(n, 0);
  return x.shape[1] === time ? x : n.f.slice(x, 1, 0, time);
}

/** A matrix [in, columns], that of a convolution turned; a bias as a line. */
function weightOf(constant: Constant, isMatrix: boolean): LayerWeight {
  if (isMatrix && constant.shape.length === 2) return { constant };
  if (isMatrix) {
    const [columns, rows] = constant.shape;
    return {
      constant,
      made: { shape: [rows, columns], values: () => permuted(constant, [1, 0, 2]) },
    };
  }
  const values = () => Float32Array.from(constant.values);
  return { constant, made: { shape: [constant.values.length], values } };
}
