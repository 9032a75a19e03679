import { report } from '../../reporting/report.ts';
import { elman, GRU, LSTM, NONLINEARITIES } from './recurrent-cells.ts';
import { type Recurrent, type RecurrentOptions, recurrent } from './recurrent-layer.ts';
import {
  type RecurrentStack,
  type RecurrentStackOptions,
  recurrentStack,
} from './recurrent-stack.ts';

export type { Nonlinearity, RecurrentState } from './recurrent-cells.ts';
export type {
  Recurrent,
  RecurrentOptions,
  RecurrentResult,
  SequenceOptions,
} from './recurrent-layer.ts';
export type { RecurrentStack, RecurrentStackOptions } from './recurrent-stack.ts';

const isStack = (
  options: RecurrentOptions | RecurrentStackOptions,
): options is RecurrentStackOptions => 'layers' in options || 'bidirectional' in options;

/**
 * Elman network (Elman 1990) over [batch, time, inFeatures]: weights `inputWeight` [in, hidden], `hiddenWeight` [hidden, hidden],
 * `bias`. With `layers` or `bidirectional` several of them, as PyTorch's `nn.RNN`. BTC2015 for a nonlinearity that is none.
 */
export function rnn(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentStackOptions,
): RecurrentStack;
export function rnn(
  inFeatures: number,
  hiddenFeatures: number,
  options?: RecurrentOptions,
): Recurrent;
export function rnn(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentOptions | RecurrentStackOptions = {},
): Recurrent | RecurrentStack {
  const { nonlinearity = 'tanh' } = options;
  const isKnown = Object.hasOwn(NONLINEARITIES, nonlinearity);
  if (!isKnown) {
    const wanted = "'tanh' or 'relu'";
    const choice = { given: String(nonlinearity), among: Object.keys(NONLINEARITIES) };
    report(2015, { op: 'rnn', name: 'nonlinearity', value: choice.given, wanted }, choice);
  }
  const cell = elman(isKnown ? nonlinearity : 'tanh');
  return isStack(options)
    ? recurrentStack(cell, inFeatures, hiddenFeatures, options)
    : recurrent(cell, inFeatures, hiddenFeatures, options);
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000) over [batch, time, inFeatures]: gates i, f, g, o side by side in weights [in, 4·hidden] and [hidden, 4·hidden].
 * With `layers` or `bidirectional` several of them, as PyTorch's `nn.LSTM`.
 */
export function lstm(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentStackOptions,
): RecurrentStack;
export function lstm(
  inFeatures: number,
  hiddenFeatures: number,
  options?: RecurrentOptions,
): Recurrent;
export function lstm(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentOptions | RecurrentStackOptions = {},
): Recurrent | RecurrentStack {
  return isStack(options)
    ? recurrentStack(LSTM, inFeatures, hiddenFeatures, options)
    : recurrent(LSTM, inFeatures, hiddenFeatures, options);
}

/**
 * Gated recurrent unit (Cho et al., EMNLP 2014) over [batch, time, inFeatures]: gates reset, update, new side by side in weights [in, 3·hidden] and [hidden,
 * 3·hidden]. With `layers` or `bidirectional` several of them, as PyTorch's `nn.GRU`.
 */
export function gru(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentStackOptions,
): RecurrentStack;
export function gru(
  inFeatures: number,
  hiddenFeatures: number,
  options?: RecurrentOptions,
): Recurrent;
export function gru(
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentOptions | RecurrentStackOptions = {},
): Recurrent | RecurrentStack {
  return isStack(options)
    ? recurrentStack(GRU, inFeatures, hiddenFeatures, options)
    : recurrent(GRU, inFeatures, hiddenFeatures, options);
}
