import { any, called, either, node, number, type Term } from './terms.ts';

// One step of each recurrent cell, as btc's own exports have it. Names: `all`, the products of the inputs that the step's is cut from,
// `hidden`, `hiddenWeight`, and what a kind has of `cell`, `hiddenBias` and `before`, which is `hidden` again or a zero.

export type CellKind = 'lstm' | 'gru' | 'rnn';

/** How a step of a kind of cell ends, and where its gates lie. */
export interface CellTerm {
  readonly kind: CellKind;
  readonly isRelu: boolean;
  readonly term: Term;
  /** Operators of its last node. */
  readonly ends: readonly string[];
  readonly gates: number;
  /** By label of a slice: which gate it takes. */
  readonly slices: Readonly<Record<string, number>>;
}

const input = node('Reshape', called('at', 'Slice', any('all')), any('row'));
const product = node('MatMul', any('hidden'), any('hiddenWeight'));
const sum = node('Add', input, product);
const gate = (label: string): Term => node('Sigmoid', called(label, 'Slice', sum));

const lstm = node(
  'Mul',
  gate('o'),
  called(
    'state',
    'Tanh',
    node(
      'Add',
      node('Mul', gate('f'), any('cell')),
      node('Mul', gate('i'), node('Tanh', called('g', 'Slice', sum))),
    ),
  ),
);

const biased = node('Add', product, any('hiddenBias'));
const both = (label: string) =>
  node(
    'Sigmoid',
    node('Add', called(`${label} in`, 'Slice', input), called(label, 'Slice', biased)),
  );
const fresh = node(
  'Tanh',
  node('Add', called('n in', 'Slice', input), node('Mul', both('r'), called('n', 'Slice', biased))),
);
const gru = node('Add', fresh, node('Mul', both('z'), node('Sub', any('before'), fresh)));

export const CELLS: readonly CellTerm[] = [
  {
    ...{ kind: 'lstm', isRelu: false, term: lstm, ends: ['Mul'], gates: 4 },
    slices: { i: 0, f: 1, g: 2, o: 3 },
  },
  {
    ...{ kind: 'gru', isRelu: false, term: gru, ends: ['Add'], gates: 3 },
    slices: { r: 0, 'r in': 0, z: 1, 'z in': 1, n: 2, 'n in': 2 },
  },
  {
    ...{ kind: 'rnn', isRelu: false, term: node('Tanh', sum), ends: ['Tanh'], gates: 1 },
    slices: {},
  },
  {
    ...{ kind: 'rnn', isRelu: true, ends: ['Relu', 'Max'], gates: 1, slices: {} },
    term: either(node('Relu', sum), node('Max', sum, number(0))),
  },
];

/** Ways in which a file has the products of a sequence with the input's matrix, and the bias behind them. */
export const SOURCES = [
  {
    // [batch, time, columns], by rows.
    ...({ layout: 'rows', axis: 1, columnAxis: 1 } as const),
    term: node(
      'Add',
      node(
        'Reshape',
        node('MatMul', called('rows', 'Reshape', any('x'), any('shape')), any('inputWeight')),
        any('to'),
      ),
      any('bias'),
    ),
  },
  {
    // [batch, columns, time], by a convolution of one tap.
    ...({ layout: 'channels', axis: 2, columnAxis: 0 } as const),
    term: node('Add', called('convolution', 'Conv', any('x'), any('inputWeight')), any('bias')),
  },
];
