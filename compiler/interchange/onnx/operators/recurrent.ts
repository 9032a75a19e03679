import type { Tensor } from '../../../frontend/tensor.ts';
import type { OnnxNode } from '../node.ts';
import type { Language } from '../recorder.ts';
import { rangeOf } from './layout.ts';
import { asLayer } from './recurrent-layer.ts';
import { type OperatorTable, row } from './row.ts';

type Activation = (x: Tensor) => Tensor;

/** What the cells of one direction compute with. */
interface Direction {
  readonly f: Language;
  readonly hidden: number;
  /** [gates · hidden, hidden]. */
  readonly recurrent: Tensor;
  /** Of the hidden product, [gates · hidden]; null for none. */
  readonly recurrentBias: Tensor | null;
  /** Peepholes [3 · hidden], or null. */
  readonly peepholes: Tensor | null;
  readonly activations: readonly Activation[];
}

interface State {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** One kind of cell: how many gates it has, and a step from the input's share of them. */
interface Cell {
  readonly gates: number;
  readonly activations: readonly string[];
  readonly next: (n: OnnxNode, input: Tensor, state: State, direction: Direction) => State;
}

/** Activations of ONNX with their α and β. */
function activation(n: OnnxNode, name: string, alpha?: number, beta?: number): Activation {
  const { f } = n;
  const table: Readonly<Record<string, Activation>> = {
    affine: (x) => f.add(f.mul(x, alpha ?? 1), beta ?? 0),
    elu: (x) => f.elu(x, { alpha: alpha ?? 1 }),
    hardsigmoid: (x) => f.clip(f.add(f.mul(x, alpha ?? 0.2), beta ?? 0.5), 0, 1),
    leakyrelu: (x) => f.leakyRelu(x, alpha ?? 0.01),
    relu: (x) => f.relu(x),
    scaledtanh: (x) => f.mul(f.tanh(f.mul(x, beta ?? 1)), alpha ?? 1),
    sigmoid: (x) => f.sigmoid(x),
    softplus: (x) => f.softplus(x),
    softsign: (x) => f.softsign(x),
    tanh: (x) => f.tanh(x),
    thresholdedrelu: (x) => f.select(f.greater(x, alpha ?? 1), x, 0),
  };
  const found = table[name.toLowerCase()];
  return found ?? n.refuse(`its activation is '${name}'`, `${Object.keys(table).join(', ')} are`);
}

/** The k-th of the gates that lie side by side along the last axis. */
const gate = (f: Language, x: Tensor, hidden: number, k: number): Tensor =>
  f.slice(x, -1, k * hidden, (k + 1) * hidden);

const timesTransposed = ({ f }: Direction, h: Tensor, w: Tensor): Tensor =>
  f.matmul(h, f.transpose(w));

function hiddenProduct(direction: Direction, h: Tensor): Tensor {
  const product = timesTransposed(direction, h, direction.recurrent);
  return direction.recurrentBias ? direction.f.add(product, direction.recurrentBias) : product;
}

const CELLS: Readonly<Record<string, Cell>> = {
  RNN: {
    gates: 1,
    activations: ['Tanh'],
    next: (_, input, { hidden, cell }, direction) => ({
      hidden: direction.activations[0](direction.f.add(input, hiddenProduct(direction, hidden))),
      cell,
    }),
  },
  LSTM: {
    gates: 4,
    activations: ['Sigmoid', 'Tanh', 'Tanh'],
    next: (n, input, { hidden, cell }, direction) => {
      const { f, hidden: size, peepholes, activations } = direction;
      const [gateOf, cellOf, hiddenOf] = activations;
      const all = f.add(input, hiddenProduct(direction, hidden));
      // Gates are i, o, f, c; peepholes i, o, f.
      const [i, o, forget, c] = rangeOf(4).map((k) => gate(f, all, size, k));
      const [pi, po, pf] = peepholes ? rangeOf(3).map((k) => gate(f, peepholes, size, k)) : [];
      const seen = (x: Tensor, peephole: Tensor | undefined, state: Tensor) =>
        peephole ? f.add(x, f.mul(peephole, state)) : x;
      const input_ = gateOf(seen(i, pi, cell));
      const kept =
        n.attributes.int('input_forget', 0) !== 0
          ? f.sub(1, input_)
          : gateOf(seen(forget, pf, cell));
      const next = f.add(f.mul(kept, cell), f.mul(input_, cellOf(c)));
      return { cell: next, hidden: f.mul(gateOf(seen(o, po, next)), hiddenOf(next)) };
    },
  },
  GRU: {
    gates: 3,
    activations: ['Sigmoid', 'Tanh'],
    next: (n, input, { hidden, cell }, direction) => {
      const { f, hidden: size, activations } = direction;
      const [gateOf, newOf] = activations;
      // Gates are z, r, h.
      const after = n.attributes.int('linear_before_reset', 0) !== 0;
      const product = hiddenProduct(direction, hidden);
      const [z, r] = [0, 1].map((k) =>
        gateOf(f.add(gate(f, input, size, k), gate(f, product, size, k))),
      );
      const last = f.slice(direction.recurrent, 0, 2 * size, 3 * size);
      const bias = direction.recurrentBias && gate(f, direction.recurrentBias, size, 2);
      const before = () => {
        const reset = timesTransposed(direction, f.mul(r, hidden), last);
        return bias ? f.add(reset, bias) : reset;
      };
      const fromHidden = after ? f.mul(r, gate(f, product, size, 2)) : before();
      const made = newOf(f.add(gate(f, input, size, 2), fromHidden));
      return { cell, hidden: f.add(f.mul(f.sub(1, z), made), f.mul(z, hidden)) };
    },
  },
};

function recurrent(n: OnnxNode) {
  const { f, attributes } = n;
  const cell = CELLS[n.op];
  const isBatchFirst = attributes.int('layout', 0) !== 0;
  const given = n.tensor(0);
  const x = isBatchFirst ? f.transpose(given, [1, 0, 2]) : given;
  const [time, batch] = x.shape;
  const hidden = attributes.int('hidden_size', n.shape(2)[2]);
  const way = attributes.text('direction', 'forward');
  const ways: Readonly<Record<string, readonly boolean[]>> = {
    forward: [false],
    reverse: [true],
    bidirectional: [false, true],
  };
  const layer = asLayer(n, x);
  if (layer) {
    const states = layer.ends.map((end) => n.result(f.expandDims(end, 0)));
    return [n.result(f.expandDims(layer.outputs, 1)), ...states];
  }
  const directions = ways[way] ?? n.refuse(`its direction is '${way}'`);
  const names = attributes.texts('activations') ?? directions.flatMap(() => cell.activations);
  const [alphas, betas] = ['activation_alpha', 'activation_beta'].map(
    (name) => attributes.floats(name) ?? [],
  );
  const clip = attributes.has('clip') ? attributes.float('clip', 0) : null;
  const per = cell.activations.length;
  const lengths = n.has(4) ? lengthsOf(n, time, batch) : null;
  const ends = directions.map((isReverse, d) => {
    const activations = names.slice(d * per, (d + 1) * per).map((name, k) => {
      const own = activation(n, name, alphas[d * per + k], betas[d * per + k]);
      return clip === null ? own : (y: Tensor) => own(f.clip(y, -clip, clip));
    });
    return direction(n, cell, { x, hidden, isReverse, d, activations, lengths });
  });
  const outputs = f.stack(
    ends.map(({ outputs }) => outputs),
    1,
  );
  const last = (part: 'hidden' | 'cell') => {
    const all = f.stack(
      ends.map((end) => end[part]),
      0,
    );
    return n.result(isBatchFirst ? f.transpose(all, [1, 0, 2]) : all);
  };
  const laid = isBatchFirst ? f.transpose(outputs, [2, 0, 1, 3]) : outputs;
  return [n.result(laid), last('hidden'), ...(n.op === 'LSTM' ? [last('cell')] : [])];
}

/** Lengths of the sequences, or null where all are whole. */
function lengthsOf(n: OnnxNode, time: number, batch: number): Tensor | null {
  const known = n.known(4);
  const isWhole = known && Array.from(known.values).every((length) => length === time);
  return isWhole ? null : n.f.reshape(n.tensor(4), [batch, 1]);
}

interface Pass {
  readonly x: Tensor;
  readonly hidden: number;
  readonly isReverse: boolean;
  readonly d: number;
  readonly activations: readonly Activation[];
  readonly lengths: Tensor | null;
}

function direction(n: OnnxNode, cell: Cell, pass: Pass) {
  const { f } = n;
  const { x, hidden, isReverse, d, activations, lengths } = pass;
  const [time, batch, features] = x.shape;
  const own = (input: number) => f.squeeze(f.slice(n.tensor(input), 0, d, d + 1), 0);
  const size = cell.gates * hidden;
  const bias = n.has(3) ? own(3) : null;
  const [inputBias, recurrentBias] = bias ? f.split(bias, 2) : [null, null];
  const rows = f.reshape(x, [time * batch, features]);
  const product = f.matmul(rows, f.transpose(own(1)));
  const all = f.reshape(inputBias ? f.add(product, inputBias) : product, [time, batch, size]);
  const start = (input: number) => {
    if (!n.has(input)) return f.full([batch, hidden], 0);
    const initial = n.tensor(input);
    const laid = n.attributes.int('layout', 0) !== 0 ? f.transpose(initial, [1, 0, 2]) : initial;
    return f.squeeze(f.slice(laid, 0, d, d + 1), 0);
  };
  const about: Direction = {
    ...{ f, hidden, recurrentBias, activations, recurrent: own(2) },
    peepholes: n.op === 'LSTM' && n.has(7) ? own(7) : null,
  };
  const steps = rangeOf(time);
  if (isReverse) steps.reverse();
  const outputs: Tensor[] = [];
  let state: State = { hidden: start(5), cell: n.op === 'LSTM' ? start(6) : f.full([1], 0) };
  for (const t of steps) {
    const input = f.squeeze(f.slice(all, 0, t, t + 1), 0);
    const next = cell.next(n, input, state, about);
    const isThere = lengths && f.greater(lengths, t);
    outputs[t] = isThere ? f.select(isThere, next.hidden, 0) : next.hidden;
    state = isThere
      ? {
          hidden: f.select(isThere, next.hidden, state.hidden),
          cell: n.op === 'LSTM' ? f.select(isThere, next.cell, state.cell) : state.cell,
        }
      : next;
  }
  return { outputs: f.stack(outputs, 0), ...state };
}

export const RECURRENT: OperatorTable = {
  GRU: row(recurrent),
  LSTM: row(recurrent),
  RNN: row(recurrent),
};
