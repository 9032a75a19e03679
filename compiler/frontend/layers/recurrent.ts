import type { Factorisation } from '../../factorised/factorisation.ts';
import { isPoisoned, mistake, poisoned } from '../context.ts';
import { add, mul, sigmoid, sub, tanh } from '../elementwise.ts';
import { glorotUniform, type Initialiser, orthogonal, zerosInit } from '../initialisers.ts';
import {
  inLayer,
  type LayerParameters,
  layerOf,
  layerParameters,
  ofLayer,
  withValues,
} from '../parameter.ts';
import { inPart } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { reshape, slice, split, stack, zeros } from '../views.ts';
import { checkSizes } from './check.ts';
import type { VarianceLaw } from './core-initialiser.ts';
import type { LayerOptions } from './dense.ts';
import { type WeightProduct, weightMatrix, weightProduct } from './weight.ts';

/** Weights of {@link rnn}, {@link lstm} and {@link gru}. */
export interface RecurrentOptions extends LayerOptions {
  /** Default Glorot uniform. */
  readonly inputInit?: Initialiser;
  /** Default orthogonal. */
  readonly hiddenInit?: Initialiser;
  /**
   * Factorised input-to-hidden or hidden-to-hidden matrix. Its output modes multiply to the hidden size: the gates are one
   * concatenated matrix, folded into the first of them.
   */
  readonly inputWeight?: Factorisation;
  readonly hiddenWeight?: Factorisation;
  /** Of factorised weights; default `glorot`. */
  readonly variance?: VarianceLaw;
}

/** What a recurrent layer carries from step to step, each [batch, hidden]; only an LSTM has a cell. */
export interface RecurrentState {
  readonly hidden: Tensor;
  readonly cell?: Tensor;
}

/** What a recurrent layer makes of a sequence. */
export interface RecurrentResult {
  /** Hidden states of all steps, [batch, time, hidden]. */
  readonly outputs: Tensor;
  readonly state: RecurrentState;
}

/** The layer that {@link rnn}, {@link lstm} and {@link gru} make. */
export interface Recurrent {
  /** [batch, time, inFeatures], from a given state or zeros. */
  (x: Tensor, initial?: RecurrentState): RecurrentResult;
  /** One step: [batch, inFeatures] and a state to the next state. */
  step(x: Tensor, state: RecurrentState): RecurrentState;
  readonly inFeatures: number;
  readonly hiddenFeatures: number;
  /** [inFeatures, gates · hidden], in the program that is being built; a factorised weight is formed for it. */
  readonly inputWeight: Tensor;
  /** [hidden, gates · hidden]. */
  readonly hiddenWeight: Tensor;
  /** [gates · hidden]. */
  readonly bias: Tensor;
  /** Of a GRU, [gates · hidden]: the bias inside of the reset product; null otherwise. */
  readonly hiddenBias: Tensor | null;
}

interface Weights {
  readonly input: WeightProduct;
  readonly hidden: WeightProduct;
  readonly bias: Tensor;
  /** GRU only: the bias inside the reset product. */
  readonly hiddenBias: Tensor | null;
}

/** One kind of cell: how many gates its matrices hold, and the next state from the input's share of the gates. */
interface Cell {
  readonly kind: 'rnn' | 'lstm' | 'gru';
  readonly gates: number;
  readonly next: (fromInput: Tensor, state: RecurrentState, weights: Weights) => RecurrentState;
}

/** h' = tanh(x·W + h·U + b) (Elman 1990). */
const RNN: Cell = {
  kind: 'rnn',
  gates: 1,
  next: (fromInput, { hidden }, weights) => ({
    hidden: tanh(add(fromInput, weights.hidden(hidden))),
  }),
};

/** Gates i, f, g, o in one matrix: c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c') (Hochreiter, Schmidhuber 1997; Gers 2000). */
const LSTM: Cell = {
  kind: 'lstm',
  gates: 4,
  next: (fromInput, { hidden, cell }, weights) => {
    const [i, f, g, o] = split(add(fromInput, weights.hidden(hidden)), 4, -1);
    const next = add(mul(sigmoid(f), cell ?? zeros(hidden.shape)), mul(sigmoid(i), tanh(g)));
    return { hidden: mul(sigmoid(o), tanh(next)), cell: next };
  },
};

/** Gates r, z, n in one matrix, the reset applied after the product as in cuDNN: h' = (1 - z)·n + z·h (Cho et al. 2014). */
const GRU: Cell = {
  kind: 'gru',
  gates: 3,
  next: (fromInput, { hidden }, weights) => {
    const fromHidden = add(weights.hidden(hidden), weights.hiddenBias!);
    const [inputReset, inputUpdate, inputNew] = split(fromInput, 3, -1);
    const [hiddenReset, hiddenUpdate, hiddenNew] = split(fromHidden, 3, -1);
    const reset = sigmoid(add(inputReset, hiddenReset));
    const update = sigmoid(add(inputUpdate, hiddenUpdate));
    const candidate = tanh(add(inputNew, mul(reset, hiddenNew)));
    return { hidden: add(candidate, mul(update, sub(hidden, candidate))) };
  },
};

/**
 * A recurrent layer, unrolled in time. The products of the inputs of all steps with the input matrix are one contraction;
 * equal steps share their kernels.
 */
function recurrent(
  cell: Cell,
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentOptions,
): Recurrent {
  const width = cell.gates * hiddenFeatures;
  const sizes = { outFeatures: hiddenFeatures, gates: cell.gates, law: options.variance };
  const matrices = {
    inputWeight: {
      ...sizes,
      inFeatures,
      dense: options.inputInit ?? glorotUniform,
      factorisation: options.inputWeight,
    },
    hiddenWeight: {
      ...sizes,
      inFeatures: hiddenFeatures,
      dense: options.hiddenInit ?? orthogonal(),
      factorisation: options.hiddenWeight,
    },
  };
  const weightsOf = (parameters: LayerParameters): Weights | null => {
    const input = weightProduct(cell.kind, parameters, 'inputWeight', matrices.inputWeight);
    const hidden = weightProduct(cell.kind, parameters, 'hiddenWeight', matrices.hiddenWeight);
    const bias = parameters.get('bias', [width], zerosInit);
    const hiddenBias =
      cell.kind === 'gru' ? parameters.get('hiddenBias', [width], zerosInit) : null;
    const sound = input && hidden && ![bias, hiddenBias].some((one) => one && isPoisoned(one));
    return sound ? { input, hidden, bias, hiddenBias } : null;
  };
  const check = (x: Tensor, rank: number): boolean =>
    x.rank === rank && x.shape[rank - 1] === inFeatures && x.dtype === 'f32';
  const misfit = (x: Tensor, wanted: string) =>
    mistake(2003, { op: cell.kind, wanted, given: `${x.dtype} [${x.shape.join(', ')}]` }, x.type);

  const call = Object.assign(
    layerOf(cell.kind, options, (x: Tensor, initial?: RecurrentState): RecurrentResult => {
      if (!checkSizes(cell.kind, { inFeatures, hiddenFeatures })) {
        const hidden = poisoned({ dtype: 'f32', shape: [x.shape[0] ?? 1, 1] });
        return { outputs: poisoned(x.type), state: { hidden, cell: hidden } };
      }
      const weights = weightsOf(layerParameters(layer, cell.kind, options.name));
      const [batch, time] = [x.shape[0] ?? 1, x.shape[1] ?? 1];
      if (!weights || isPoisoned(x) || !check(x, 3)) {
        if (weights && !isPoisoned(x)) misfit(x, `[batch, time, ${inFeatures}]`);
        const hidden = poisoned({ dtype: 'f32', shape: [batch, hiddenFeatures] });
        return {
          outputs: poisoned({ dtype: 'f32', shape: [batch, time, hiddenFeatures] }),
          state: { hidden, cell: hidden },
        };
      }
      const fromInputs = add(weights.input(x, true), weights.bias);
      let state: RecurrentState = initial ?? { hidden: zeros([batch, hiddenFeatures]) };
      const outputs: Tensor[] = [];
      for (let step = 0; step < time; step++) {
        const fromInput = reshape(slice(fromInputs, 0, step, step + 1), [batch, width]);
        const before = state;
        state = inPart(`step${step + 1}`, () => cell.next(fromInput, before, weights));
        outputs.push(state.hidden);
      }
      return { outputs: stack(outputs, 1), state };
    }),
    {
      inFeatures,
      hiddenFeatures,
      step: (x: Tensor, state: RecurrentState): RecurrentState =>
        inLayer(layer, cell.kind, options.name, () => {
          const weights = weightsOf(layerParameters(layer, cell.kind, options.name));
          if (!weights || isPoisoned(x)) return state;
          if (!check(x, 2))
            return { hidden: misfit(x, `[batch, ${inFeatures}]`), cell: state.cell };
          return cell.next(add(weights.input(x), weights.bias), state, weights);
        }),
    },
  );
  const value =
    <T>(make: (parameters: LayerParameters) => T) =>
    (): T =>
      ofLayer(layer, cell.kind, options, make);
  const matrix = (name: 'inputWeight' | 'hiddenWeight') =>
    value((parameters) => weightMatrix(parameters, name, matrices[name]));
  const bias = (name: string) => value((parameters) => parameters.get(name, [width], zerosInit));
  const layer: Recurrent = withValues(call, {
    inputWeight: matrix('inputWeight'),
    hiddenWeight: matrix('hiddenWeight'),
    bias: bias('bias'),
    hiddenBias: cell.kind === 'gru' ? bias('hiddenBias') : () => null,
  });
  return layer;
}

/** Elman network: weights `inputWeight` [in, hidden], `hiddenWeight` [hidden, hidden], `bias`. */
export function rnn(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentOptions = {},
): Recurrent {
  return recurrent(RNN, inFeatures, hiddenFeatures, options);
}

/** Long short-term memory: gates i, f, g, o side by side in weights [in, 4·hidden] and [hidden, 4·hidden]. */
export function lstm(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentOptions = {},
): Recurrent {
  return recurrent(LSTM, inFeatures, hiddenFeatures, options);
}

/** Gated recurrent unit: gates reset, update, new side by side in weights [in, 3·hidden] and [hidden, 3·hidden]. */
export function gru(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentOptions = {},
): Recurrent {
  return recurrent(GRU, inFeatures, hiddenFeatures, options);
}
