import { report } from '../../reporting/report.ts';
import { isPoisoned, poisoned } from '../context.ts';
import { childOf, layerOf } from '../parameter.ts';
import { concat, dropout, reshape, slice, stack } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { checkSizes } from './check.ts';
import type { Cell, RecurrentState } from './recurrent-cells.ts';
import {
  checkState,
  type Recurrent,
  type RecurrentOptions,
  type RecurrentResult,
  recurrent,
  type SequenceOptions,
} from './recurrent-layer.ts';

/** Weights and layers of {@link RecurrentStack}. At least one of `layers` and `bidirectional` makes a stack. */
export type RecurrentStackOptions = Omit<RecurrentOptions, 'inputWeight' | 'hiddenWeight'> & {
  /** Of the outputs of every layer but the last, in training; default 0. */
  readonly dropout?: number;
} & (
    | { readonly layers: number; readonly bidirectional?: boolean }
    | { readonly layers?: number; readonly bidirectional: boolean }
  );

/** Recurrent layers one upon the other, each forwards or in both directions. */
export interface RecurrentStack {
  /**
   * [batch, time, inFeatures] to outputs of the last layer [batch, time, directions · hidden], forwards first. States are
   * [layers · directions, batch, hidden], as PyTorch's: layer by layer, forwards first.
   */
  (x: Tensor, initial?: RecurrentState, options?: SequenceOptions): RecurrentResult;
  readonly inFeatures: number;
  readonly hiddenFeatures: number;
  readonly layers: number;
  readonly bidirectional: boolean;
  /** The layers as states are, `layer1` and `layer1.reverse` by name: their weights are there to be read. */
  readonly cells: readonly Recurrent[];
}

/** The stack of a kind of cell. */
export function recurrentStack(
  cell: Cell,
  inFeatures: number,
  hiddenFeatures: number,
  options: RecurrentStackOptions,
): RecurrentStack {
  const { name, layers = 1, bidirectional = false, dropout: rate = 0, ...own } = options;
  const directions = bidirectional ? 2 : 1;
  const cells = Array.from({ length: isCount(layers) ? layers * directions : 0 }, (_, k) => {
    const inner = k < directions ? inFeatures : directions * hiddenFeatures;
    return recurrent(cell, inner, hiddenFeatures, own);
  });
  const call = Object.assign(
    layerOf(
      cell.kind,
      options,
      (x: Tensor, initial?: RecurrentState, sequence: SequenceOptions = {}): RecurrentResult => {
        if (cells.length === 0) {
          const wanted = `an integer from 1 to ${MOST_LAYERS}`;
          report(2015, { op: cell.kind, name: 'layers', value: String(layers), wanted });
          return failedResult(x);
        }
        const isSound = checkSizes(cell.kind, { inFeatures, hiddenFeatures }) && !isPoisoned(x);
        const shape = [cells.length, x.shape[0] ?? 1, hiddenFeatures];
        if (!isSound || !checkState(cell, initial, shape)) return failedResult(x);
        let input = x;
        const states: RecurrentState[] = [];
        for (let layer = 0; layer < layers; layer++) {
          const results = cells
            .slice(layer * directions, (layer + 1) * directions)
            .map((one, direction) =>
              one(input, stateAt(initial, layer * directions + direction), {
                ...sequence,
                reverse: (direction === 1) !== (sequence.reverse ?? false),
              }),
            );
          states.push(...results.map(({ state }) => state));
          const outputs = concat(
            results.map(({ outputs }) => outputs),
            -1,
          );
          input = layer < layers - 1 ? dropout(outputs, rate) : outputs;
        }
        return { outputs: input, state: joined(states) };
      },
      3,
    ),
    { inFeatures, hiddenFeatures, layers, bidirectional, cells },
  );
  cells.forEach((one, k) => {
    const layer = `layer${Math.floor(k / directions) + 1}`;
    childOf(
      one,
      { owner: call, kind: cell.kind, name },
      k % directions === 0 ? layer : `${layer}.reverse`,
    );
  });
  return call;
}

/** A number of layers beyond it makes none, and is refused where the stack is used. */
const MOST_LAYERS = 1024;
const isCount = (layers: number) =>
  Number.isSafeInteger(layers) && layers > 0 && layers <= MOST_LAYERS;

function failedResult(x: Tensor): RecurrentResult {
  const failed = poisoned(x.type);
  return { outputs: failed, state: { hidden: failed, cell: failed } };
}

function stateAt(state: RecurrentState | undefined, k: number): RecurrentState | undefined {
  if (!state) return undefined;
  const part = (all: Tensor) => reshape(slice(all, 0, k, k + 1), all.shape.slice(1));
  const { hidden, cell } = state;
  return cell ? { hidden: part(hidden), cell: part(cell) } : { hidden: part(hidden) };
}

function joined(states: readonly RecurrentState[]): RecurrentState {
  const hidden = stack(states.map((state) => state.hidden));
  const cells = states.flatMap(({ cell }) => (cell ? [cell] : []));
  return cells.length > 0 ? { hidden, cell: stack(cells) } : { hidden };
}
