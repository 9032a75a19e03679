import { add, mul, relu, sigmoid, split, sub, tanh, zeros } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import type { WeightProduct } from './weight.ts';

/** What a recurrent layer carries from step to step, each [batch, hidden]; only an LSTM has a cell. */
export interface RecurrentState {
  readonly hidden: Tensor;
  readonly cell?: Tensor;
}

/** The products and biases of a recurrent layer in the program that is built. */
export interface Weights {
  readonly input: WeightProduct;
  readonly hidden: WeightProduct;
  readonly bias: Tensor;
  /** GRU only: the bias inside the reset product. */
  readonly hiddenBias: Tensor | null;
}

/** One kind of cell: how many gates its matrices hold, and the next state from the input's share of the gates. */
export interface Cell {
  readonly kind: 'rnn' | 'lstm' | 'gru';
  readonly gates: number;
  readonly next: (fromInput: Tensor, state: RecurrentState, weights: Weights) => RecurrentState;
}

/** What an Elman network makes of its sums. */
export type Nonlinearity = 'tanh' | 'relu';
export const NONLINEARITIES: Readonly<Record<Nonlinearity, (x: Tensor) => Tensor>> = { tanh, relu };

/** h' = tanh(x·W + h·U + b) (Elman 1990), or relu. */
export const elman = (nonlinearity: Nonlinearity): Cell => ({
  kind: 'rnn',
  gates: 1,
  next: (fromInput, { hidden }, weights) => ({
    hidden: NONLINEARITIES[nonlinearity](add(fromInput, weights.hidden(hidden))),
  }),
});

/** Gates i, f, g, o in one matrix: c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c') (Hochreiter, Schmidhuber 1997; Gers 2000). */
export const LSTM: Cell = {
  kind: 'lstm',
  gates: 4,
  next: (fromInput, { hidden, cell }, weights) => {
    const [i, f, g, o] = split(add(fromInput, weights.hidden(hidden)), 4, -1);
    const next = add(mul(sigmoid(f), cell ?? zeros(hidden.shape)), mul(sigmoid(i), tanh(g)));
    return { hidden: mul(sigmoid(o), tanh(next)), cell: next };
  },
};

/** Gates r, z, n in one matrix, the reset applied after the product as in cuDNN: h' = (1 - z)·n + z·h (Cho et al. 2014). */
export const GRU: Cell = {
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
