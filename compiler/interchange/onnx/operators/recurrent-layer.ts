import type { Recurrent } from '../../../frontend/layers/recurrent.ts';
import type { Tensor } from '../../../frontend/tensor.ts';
import type { OnnxNode } from '../node.ts';
import type { Constant } from '../values.ts';
import { type LayerWeight, layerFor, ownWeight } from './layers.ts';

/** A kind of cell that the language has: gates in its order as places in ONNX's, and what ONNX says where it is meant. */
interface Kind {
  readonly gates: readonly number[];
  readonly activations: string;
  /** Whether the biases of both products stay apart. */
  readonly hasHiddenBias: boolean;
  readonly layer: (n: OnnxNode, inside: number, hidden: number, name: string) => Recurrent;
}

const KINDS: Readonly<Record<string, Kind>> = {
  // i, o, f, c to i, f, g, o; z, r, h to r, z, n.
  LSTM: {
    gates: [0, 2, 3, 1],
    activations: 'sigmoid,tanh,tanh',
    hasHiddenBias: false,
    layer: ({ f }, inside, hidden, name) => f.lstm(inside, hidden, { name }),
  },
  GRU: {
    gates: [1, 0, 2],
    activations: 'sigmoid,tanh',
    hasHiddenBias: true,
    layer: ({ f }, inside, hidden, name) => f.gru(inside, hidden, { name }),
  },
  RNN: {
    gates: [0],
    activations: 'tanh',
    hasHiddenBias: false,
    layer: ({ f }, inside, hidden, name) => f.rnn(inside, hidden, { name }),
  },
};

/**
 * Outputs [time, batch, hidden] and the last state, by a layer of the language: where the node does what that does, forward and from zeros,
 * with weights that nothing else reads. Null otherwise.
 */
export function asLayer(n: OnnxNode, x: Tensor): { outputs: Tensor; ends: Tensor[] } | null {
  const { f, attributes, op } = n;
  const kind = KINDS[op];
  const [input, recurrent] = [ownWeight(n, 1), ownWeight(n, 2)];
  const bias = n.has(3) ? ownWeight(n, 3) : null;
  const names = attributes.texts('activations')?.join().toLowerCase() ?? kind.activations;
  const isPlain =
    attributes.text('direction', 'forward') === 'forward' &&
    names === kind.activations &&
    !attributes.has('clip') &&
    attributes.int('layout', 0) === 0 &&
    attributes.int('input_forget', 0) === 0 &&
    (op !== 'GRU' || attributes.int('linear_before_reset', 0) !== 0) &&
    !n.has(4) &&
    !n.has(7) &&
    [5, 6].every((k) => !n.has(k) || isZero(n, k));
  if (!isPlain || !input || !recurrent || (n.has(3) && !bias)) return null;
  const [inside, hidden] = [input.shape[2], recurrent.shape[2]];
  const matrix = (constant: Constant, rows: number) => turned(constant, rows, hidden, kind.gates);
  const biases = biasesOf(kind, bias, input, hidden);
  const weights: Record<string, LayerWeight> = {
    inputWeight: { constant: input, made: matrix(input, inside) },
    hiddenWeight: { constant: recurrent, made: matrix(recurrent, hidden) },
    ...biases,
  };
  const name = layerFor(n, weights);
  const { outputs, state } = kind.layer(n, inside, hidden, name)(f.transpose(x, [1, 0, 2]));
  const ends = [state.hidden, ...(state.cell ? [state.cell] : [])];
  return { outputs: f.transpose(outputs, [1, 0, 2]), ends };
}

function isZero(n: OnnxNode, input: number): boolean {
  const known = n.known(input);
  return known !== null && Array.from(known.values).every((value) => value === 0);
}

type Made = NonNullable<LayerWeight['made']>;

/** [1, gates · hidden, rows] as [rows, gates · hidden], gates in the other order. */
function turned(
  { values }: Constant,
  rows: number,
  hidden: number,
  gates: readonly number[],
): Made {
  const columns = gates.length * hidden;
  return {
    shape: [rows, columns],
    values: () =>
      Float32Array.from({ length: rows * columns }, (_, k) => {
        const [row, column] = [Math.floor(k / columns), k % columns];
        const from = gates[Math.floor(column / hidden)] * hidden + (column % hidden);
        return values[from * rows + row];
      }),
  };
}

/** [1, 2 · gates · hidden]: of the input's product and of the hidden one, which are one where both are only added. */
function biasesOf(
  { gates, hasHiddenBias }: Kind,
  bias: Constant | null,
  input: Constant,
  hidden: number,
): Readonly<Record<string, LayerWeight>> {
  const size = gates.length * hidden;
  const of = (parts: readonly number[]): LayerWeight => ({
    constant: bias ?? input,
    made: {
      shape: [size],
      values: () =>
        Float32Array.from({ length: size }, (_, k) => {
          const from = gates[Math.floor(k / hidden)] * hidden + (k % hidden);
          return parts.reduce((sum, part) => sum + (bias?.values[part * size + from] ?? 0), 0);
        }),
    },
  });
  return hasHiddenBias ? { bias: of([0]), hiddenBias: of([1]) } : { bias: of([0, 1]) };
}
