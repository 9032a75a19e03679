import { describe, expect, it } from 'vitest';
import * as btc from '../../compiler/language.ts';
import {
  isClose,
  type PointwiseResult,
  WITNESSES,
  witness,
} from '../support/pointwise-witnesses.ts';

// Functions of whole rows and losses where exponentials overflow and vanish, against closed forms, by three witnesses.

const { POSITIVE_INFINITY: INFINITY, NaN: NAN } = Number;
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

interface Row {
  readonly f: (...x: btc.Tensor[]) => btc.Tensor;
  readonly points: readonly (readonly number[])[];
  readonly value: readonly number[];
  /** Of the sum of the values; null: not looked at. */
  readonly derivatives: readonly (readonly number[] | null)[];
}

const SPREAD = [1000, 999, -1000, 0];
const [OF_FIRST, OF_SECOND] = [sigmoid(1), sigmoid(-1)];
const MASKED = [2, -INFINITY, 1, -INFINITY];
const NOTHING = [-INFINITY, -INFINITY, -INFINITY];
const LOGITS = [0, 20, -20, 100, -100, 1e4, -1e4, INFINITY, -INFINITY, 0.25];
const zeros = (x: readonly number[]) => x.map(() => 0);
const ones = (x: readonly number[]) => x.map(() => 1);
const LARGE = Math.fround(-3e38);
const none = { reduction: 'none' } as const;

const ROWS: Readonly<Record<string, Row>> = {
  'softmax of a wide row': {
    f: (x) => btc.softmax(x),
    points: [SPREAD],
    value: [OF_FIRST, OF_SECOND, 0, 0],
    derivatives: [zeros(SPREAD)],
  },
  'softmax of a masked row': {
    f: (x) => btc.softmax(x),
    points: [MASKED],
    value: [OF_FIRST, 0, OF_SECOND, 0],
    derivatives: [zeros(MASKED)],
  },
  'softmax of nothing': {
    f: (x) => btc.softmax(x),
    points: [NOTHING],
    value: [NAN, NAN, NAN],
    derivatives: [null],
  },
  'logSoftmax of a wide row': {
    f: (x) => btc.logSoftmax(x),
    points: [SPREAD],
    value: [-softplus(-1), -softplus(1), -2000 - softplus(-1), -1000 - softplus(-1)],
    derivatives: [[1 - 4 * OF_FIRST, 1 - 4 * OF_SECOND, 1, 1]],
  },
  'log of a softmax by hand': {
    f: (x) => btc.log(btc.softmax(x)),
    points: [SPREAD],
    value: [-softplus(-1), -softplus(1), -2000 - softplus(-1), -1000 - softplus(-1)],
    derivatives: [[1 - 4 * OF_FIRST, 1 - 4 * OF_SECOND, 1, 1]],
  },
  'logSumExp of a wide row': {
    f: (x) => btc.logSumExp(x),
    points: [SPREAD],
    value: [1000 + softplus(-1)],
    derivatives: [[OF_FIRST, OF_SECOND, 0, 0]],
  },
  'logSumExp of a masked row': {
    f: (x) => btc.logSumExp(x, 0, { keepDims: true }),
    points: [MASKED],
    value: [2 + softplus(-1)],
    derivatives: [[OF_FIRST, 0, OF_SECOND, 0]],
  },
  'logSumExp of nothing': {
    f: (x) => btc.logSumExp(x, -1),
    points: [NOTHING],
    value: [-INFINITY],
    derivatives: [[0, 0, 0]],
  },
  'logSumExp of an infinity': {
    f: (x) => btc.logSumExp(x),
    points: [[1, INFINITY, 3e38]],
    value: [INFINITY],
    derivatives: [null],
  },
  'logSumExp of large numbers': {
    f: (x) => btc.logSumExp(x),
    points: [[LARGE, LARGE]],
    value: [LARGE],
    derivatives: [[0.5, 0.5]],
  },
  'binary cross-entropy of ones': {
    f: (x, y) => btc.binaryCrossEntropyWithLogits(x, y, none),
    points: [LOGITS, ones(LOGITS)],
    value: LOGITS.map((x) => softplus(-x)),
    derivatives: [LOGITS.map((x) => -sigmoid(-x)), null],
  },
  'binary cross-entropy of zeros': {
    f: (x, y) => btc.binaryCrossEntropyWithLogits(x, y, none),
    points: [LOGITS, zeros(LOGITS)],
    value: LOGITS.map(softplus),
    derivatives: [LOGITS.map(sigmoid), null],
  },
  'weighted binary cross-entropy': {
    f: (x, y) =>
      btc.binaryCrossEntropyWithLogits(x, y, {
        weights: 0.5,
        positiveWeights: 3,
        reduction: 'sum',
      }),
    points: [
      [0.75, -30],
      [0.25, 0.875],
    ],
    value: [
      0.5 *
        (3 * 0.25 * softplus(-0.75) +
          0.75 * softplus(0.75) +
          3 * 0.875 * softplus(30) +
          0.125 * softplus(-30)),
    ],
    derivatives: [
      [
        0.5 * (-0.75 * sigmoid(-0.75) + 0.75 * sigmoid(0.75)),
        0.5 * (-2.625 * sigmoid(30) + 0.125 * sigmoid(-30)),
      ],
      [0.5 * (3 * softplus(-0.75) - softplus(0.75)), 0.5 * (3 * softplus(30) - softplus(-30))],
    ],
  },
  'the mean of binary cross-entropies': {
    f: (x, y) => btc.binaryCrossEntropyWithLogits(x, y),
    points: [
      [0, 2],
      [0, 1],
    ],
    value: [(Math.LN2 + softplus(-2)) / 2],
    derivatives: [[0.25, -sigmoid(-2) / 2], null],
  },
  'a norm of equal numbers': {
    f: (x) => btc.normalise(x),
    points: [[0.75, 0.75, 0.75, 0.75]],
    value: [0, 0, 0, 0],
    derivatives: [[0, 0, 0, 0]],
  },
};

describe('stable forms', async () => {
  const names = Object.keys(ROWS);
  const results = await witness(names.map((name) => ({ name, ...ROWS[name] })));
  it.each(names)('%s', (name) => {
    const { value, derivatives } = ROWS[name];
    for (const by of WITNESSES) {
      const result: PointwiseResult = results[by][names.indexOf(name)];
      const check = (given: readonly number[], wanted: readonly number[] | null, of: string) =>
        wanted?.forEach((want, i) => {
          const fine = isClose(given[i], want, by, { relative: 4e-6, absolute: 1e-6 });
          expect(fine, `${by}: ${of}[${i}] is ${given[i]}, not ${want}`).toBe(true);
        });
      expect(result.value).toHaveLength(value.length);
      check(result.value, value, 'f');
      derivatives.forEach((wanted, k) => {
        check(result.derivatives[k], wanted, `df/dx${k}`);
      });
    }
  });
});

describe('mistakes', () => {
  const messages = async (build: (x: btc.Tensor, n: btc.Tensor) => btc.Tensor) => {
    const { traceModel } = await import('../../compiler/frontend/trace.ts');
    const inputs = { x: btc.tensor([2, 3]), n: btc.tensor([2, 3], 'i32') };
    const model = btc.defineModel({ name: 'm', inputs, build: ({ x, n }) => ({ y: build(x, n) }) });
    return traceModel(model).diagnostics.map(({ code }) => code);
  };
  it.each<[string, string, (x: btc.Tensor, n: btc.Tensor) => btc.Tensor]>([
    ['integer targets', 'BTC2003', (x, n) => btc.binaryCrossEntropyWithLogits(x, n)],
    [
      'targets of another shape',
      'BTC2003',
      (x) => btc.binaryCrossEntropyWithLogits(x, btc.ones([3])),
    ],
    [
      'weights that do not broadcast',
      'BTC2003',
      (x) => btc.binaryCrossEntropyWithLogits(x, x, { weights: btc.ones([2]) }),
    ],
    [
      'an infinite weight',
      'BTC2015',
      (x) => btc.binaryCrossEntropyWithLogits(x, x, { positiveWeights: INFINITY }),
    ],
    [
      'an unknown reduction',
      'BTC2015',
      (x) => btc.binaryCrossEntropyWithLogits(x, x, { reduction: 'max' as 'mean' }),
    ],
    [
      'an unknown form of gelu',
      'BTC2015',
      (x) => btc.gelu(x, { approximate: 'sigmoid' as 'tanh' }),
    ],
  ])('%s', async (_, code, build) => {
    expect(await messages(build)).toEqual([code]);
  });
});
