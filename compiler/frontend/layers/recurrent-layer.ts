import { formatType, type Shape, sameShape } from '../../../ir/tensor.ts';
import type { Factorisation } from '../../factorised/factorisation.ts';
import { report } from '../../reporting/report.ts';
import { isPoisoned, mistake, poisoned } from '../context.ts';
import { useAsIndices } from '../indices.ts';
import { glorotUniform, type Initialiser, orthogonal, zerosInit } from '../initialisers.ts';
import {
  inLayer,
  type LayerParameters,
  layerOf,
  layerParameters,
  ofLayer,
  withValues,
} from '../parameter.ts';
import {
  add,
  cast,
  expandDims,
  less,
  mul,
  reshape,
  select,
  slice,
  stack,
  zeros,
} from '../parts.ts';
import { inPart } from '../scope.ts';
import { Tensor } from '../tensor.ts';
import { checkSizes } from './check.ts';
import type { VarianceLaw } from './core-initialiser.ts';
import type { LayerOptions } from './dense.ts';
import type { Cell, Nonlinearity, RecurrentState, Weights } from './recurrent-cells.ts';
import { weightMatrix, weightProduct } from './weight.ts';

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
  /** Of {@link rnn} alone; default `tanh`. */
  readonly nonlinearity?: Nonlinearity;
}

/** How a recurrent layer goes through a batch of sequences. */
export interface SequenceOptions {
  /**
   * Steps of each sequence, i32 [batch], as packed sequences of PyTorch have them: behind its end outputs are 0 and the state stays, so
   * that the last one is that at the end. Backwards a sequence begins at its own end.
   */
  readonly lengths?: Tensor;
  /** From the last step to the first; outputs stay at their steps. Default false. */
  readonly reverse?: boolean;
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
  (x: Tensor, initial?: RecurrentState, options?: SequenceOptions): RecurrentResult;
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

/**
 * A recurrent layer, unrolled in time. The products of the inputs of all steps with the input matrix are one contraction;
 * equal steps share their kernels.
 */
export function recurrent(
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
    layerOf(
      cell.kind,
      options,
      (x: Tensor, initial?: RecurrentState, sequence: SequenceOptions = {}): RecurrentResult => {
        const [batch, time] = [x.shape[0] ?? 1, x.shape[1] ?? 1];
        const failed = () => failedResult(batch, time, hiddenFeatures);
        if (!checkSizes(cell.kind, { inFeatures, hiddenFeatures })) return failed();
        const weights = weightsOf(layerParameters(layer, cell.kind, options.name));
        if (!weights || isPoisoned(x)) return failed();
        if (!check(x, 3)) misfit(x, `[batch, time, ${inFeatures}]`);
        const shape = [batch, hiddenFeatures];
        const isSound =
          check(x, 3) &&
          checkState(cell, initial, shape) &&
          checkLengths(cell.kind, sequence.lengths, batch, time);
        if (!isSound) return failed();
        const fromInputs = add(weights.input(x, true), weights.bias);
        return unrolled(fromInputs, initial ?? startOf(cell, shape), sequence, (step, before) => {
          const fromInput = reshape(slice(fromInputs, 0, step, step + 1), [batch, width]);
          return inPart(`step${step + 1}`, () => cell.next(fromInput, before, weights));
        });
      },
      3,
    ),
    {
      inFeatures,
      hiddenFeatures,
      step: (x: Tensor, state: RecurrentState): RecurrentState =>
        inLayer(layer, cell.kind, options.name, () => {
          const weights = weightsOf(layerParameters(layer, cell.kind, options.name));
          if (!weights || isPoisoned(x)) return state;
          if (!check(x, 2)) {
            misfit(x, `[batch, ${inFeatures}]`);
            return state;
          }
          if (!checkState(cell, state, [x.shape[0], hiddenFeatures])) return state;
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

const startOf = (cell: Cell, shape: Shape): RecurrentState =>
  cell.kind === 'lstm' ? { hidden: zeros(shape), cell: zeros(shape) } : { hidden: zeros(shape) };

/** What stands for a result after a mistake. */
function failedResult(batch: number, time: number, hiddenFeatures: number): RecurrentResult {
  const size = Number.isSafeInteger(hiddenFeatures) && hiddenFeatures > 0 ? hiddenFeatures : 1;
  const hidden = poisoned({ dtype: 'f32', shape: [batch, size] });
  return {
    outputs: poisoned({ dtype: 'f32', shape: [batch, time, size] }),
    state: { hidden, cell: hidden },
  };
}

/** BTC2003 for a state that does not fit; silent after a mistake. */
export function checkState(
  { kind }: Pick<Cell, 'kind'>,
  state: RecurrentState | undefined,
  shape: Shape,
): boolean {
  if (state === undefined) return true;
  const wanted = formatType({ dtype: 'f32', shape });
  const parts = {
    hidden: state?.hidden,
    ...(state?.cell === undefined ? {} : { cell: state.cell }),
  };
  for (const [name, given] of Object.entries(parts)) {
    if (given instanceof Tensor && isPoisoned(given)) return false;
    if (given instanceof Tensor && given.dtype === 'f32' && sameShape(given.shape, shape)) continue;
    const found = given instanceof Tensor ? formatType(given.type) : typeof given;
    report(2003, { op: kind, wanted: `a state whose ${name} is ${wanted}`, given: found });
    return false;
  }
  return true;
}

/** BTC2003 for lengths that are not i32 [batch]; where they are inputs, sessions refuse those that are none. */
export function checkLengths(
  op: string,
  lengths: Tensor | undefined,
  batch: number,
  time: number,
): boolean {
  if (lengths === undefined) return true;
  const isTensor = lengths instanceof Tensor;
  if (isTensor && isPoisoned(lengths)) return false;
  if (isTensor && lengths.dtype === 'i32' && sameShape(lengths.shape, [batch])) {
    useAsIndices(op, lengths, { low: 0, high: time + 1 });
    return true;
  }
  const given = isTensor ? formatType(lengths.type) : typeof lengths;
  report(2003, { op, wanted: `lengths i32 [${batch}]`, given });
  return false;
}

/** All steps, one after the other, of inputs whose first axis is time. */
function unrolled(
  inputs: Tensor,
  initial: RecurrentState,
  { lengths, reverse = false }: SequenceOptions,
  next: (step: number, before: RecurrentState) => RecurrentState,
): RecurrentResult {
  const time = inputs.shape[0];
  const outputs = new Array<Tensor>(time);
  let state = initial;
  for (let k = 0; k < time; k++) {
    const step = reverse ? time - 1 - k : k;
    const made = next(step, state);
    if (lengths === undefined) {
      state = made;
      outputs[step] = made.hidden;
    } else {
      const isThere = expandDims(less(step, lengths), -1);
      outputs[step] = mul(made.hidden, cast(isThere, 'f32'));
      state = chosen(isThere, made, state);
    }
  }
  return { outputs: stack(outputs, 1), state };
}

/** A state where a mask [batch, 1] is 1, another one elsewhere. */
function chosen(mask: Tensor, state: RecurrentState, other: RecurrentState): RecurrentState {
  const hidden = select(mask, state.hidden, other.hidden);
  if (!state.cell) return { hidden };
  return { hidden, cell: select(mask, state.cell, other.cell ?? zeros(state.cell.shape)) };
}
