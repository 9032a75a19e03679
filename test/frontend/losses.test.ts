import { describe, expect, test } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import * as btc from '../../compiler/language.ts';
import { programOf } from './run-program.ts';

// Values and gradients of PyTorch 1.13 in float64, for these logits of four rows and three classes.
const LOGITS = [0.5, -1, 2, 1, 1, 1, -2, 0.3, 0.1, 3, -1, 0];
const WEIGHTS = [1, 2, 0.5];
const LABELS = [0, 2, 1, 1];
const IGNORED = [0, -100, 1, -100];
const PROBABILITIES = [0.2, 0.3, 0.5, 1, 0, 0, 0, 0.4, 0.6, 0.1, 0.1, 0.8];

interface Case {
  readonly targets: readonly number[];
  readonly options?: btc.CrossEntropyOptions;
  readonly loss: readonly number[];
  /** Of the sum of the losses with respect to the logits. */
  readonly gradient: readonly number[];
}

const CASES: Readonly<Record<string, Case>> = {
  'the mean of all rows': {
    targets: LABELS,
    loss: [1.889401571234],
    gradient: [
      -0.206177402, 0.009778143, 0.196399259, 0.083333333, 0.083333333, -0.166666667, 0.013061411,
      -0.119723108, 0.106661698, 0.234059888, -0.245713044, 0.011653156,
    ],
  },
  'the mean of the rows that are not ignored': {
    targets: IGNORED,
    options: { ignoreIndex: -100 },
    loss: [1.196555046256],
    gradient: [
      -0.412354804, 0.019556287, 0.392798517, 0, 0, 0, 0.026122821, -0.239446216, 0.213323395, 0, 0,
      0,
    ],
  },
  'a class that is ignored': {
    targets: LABELS,
    options: { ignoreIndex: 1 },
    loss: [1.419961792663],
    gradient: [
      -0.412354804, 0.019556287, 0.392798517, 0.166666667, 0.166666667, -0.333333333, 0, 0, 0, 0, 0,
      0,
    ],
  },
  'nothing but ignored rows: no number, and no gradient': {
    targets: [-1, -1, -1, -1],
    options: { ignoreIndex: -1 },
    loss: [Number.NaN],
    gradient: new Array(12).fill(0),
  },
  'smoothed labels': {
    targets: LABELS,
    options: { labelSmoothing: 0.1 },
    loss: [1.868568237901],
    gradient: [
      -0.189510735, 0.00144481, 0.188065925, 0.075, 0.075, -0.15, 0.004728077, -0.103056442,
      0.098328364, 0.225726555, -0.229046377, 0.003319822,
    ],
  },
  'weighted classes, whose mean is by the weights': {
    targets: LABELS,
    options: { weights: WEIGHTS },
    loss: [2.131996880039],
    gradient: [
      -0.149947201, 0.007111377, 0.142835824, 0.03030303, 0.03030303, -0.060606061, 0.018998415,
      -0.174142703, 0.155144288, 0.340450746, -0.357400791, 0.016950045,
    ],
  },
  'all of it together': {
    targets: [0, 2, -1, 1],
    options: { ignoreIndex: -1, labelSmoothing: 0.1, weights: WEIGHTS },
    loss: [2.888806932585],
    gradient: [
      -0.215748981, -0.007686348, 0.223435329, 0.044444444, 0.034920635, -0.079365079, 0, 0, 0,
      0.503178802, -0.523942857, 0.020764055,
    ],
  },
  'a weighted sum': {
    targets: IGNORED,
    options: { ignoreIndex: -100, weights: WEIGHTS, reduction: 'sum' },
    loss: [3.044908888366],
    gradient: [
      -0.824709608, 0.039112573, 0.785597035, 0, 0, 0, 0.104491284, -0.957784866, 0.853293582, 0, 0,
      0,
    ],
  },
  'row by row': {
    targets: IGNORED,
    options: { ignoreIndex: -100, labelSmoothing: 0.3, weights: WEIGHTS, reduction: 'none' },
    loss: [2.05337686149, 0, 1.380647892745, 0],
    gradient: [
      -0.615945088, -0.158931798, 0.774876886, 0, 0, 0, -0.008570126, -0.688061758, 0.696631884, 0,
      0, 0,
    ],
  },
  'probabilities of the classes': {
    targets: PROBABILITIES,
    loss: [1.544401571234],
    gradient: [
      -0.006177402, -0.065221857, 0.071399259, -0.166666667, 0.083333333, 0.083333333, 0.013061411,
      0.030276892, -0.043338302, 0.209059888, -0.020713044, -0.188346844,
    ],
  },
  'probabilities, smoothed and weighted': {
    targets: PROBABILITIES,
    options: { labelSmoothing: 0.2, weights: WEIGHTS },
    loss: [1.698377678267],
    gradient: [
      -0.009630411, -0.142838126, 0.152468538, -0.130555556, 0.052777778, 0.077777778, -0.002124963,
      -0.048291727, 0.05041669, 0.149020844, -0.069932348, -0.079088497,
    ],
  },
  'the sum of probabilities': {
    targets: PROBABILITIES,
    options: { weights: WEIGHTS, reduction: 'sum' },
    loss: [6.275086558228],
    gradient: [
      -0.015945088, -0.558931798, 0.574876886, -0.666666667, 0.333333333, 0.333333333, 0.057470206,
      -0.226781676, 0.16931147, 0.555367686, -0.187996522, -0.367371164,
    ],
  },
  'probabilities row by row': {
    targets: PROBABILITIES,
    options: { reduction: 'none' },
    loss: [1.441311296657, 1.098612288668, 0.771798795854, 2.865883903757],
    gradient: [
      -0.024709608, -0.260887427, 0.285597035, -0.666666667, 0.333333333, 0.333333333, 0.052245642,
      0.121107567, -0.173353209, 0.836239552, -0.082852174, -0.753387377,
    ],
  },
};

/** Losses, and the step of gradient descent at rate 1, with more axes in front of the classes where `shape` has them. */
function evaluate({ targets, options }: Case, rows: readonly number[]) {
  const isLabels = targets.length === 4;
  const model = btc.defineModel({
    name: 'm',
    inputs: { y: btc.tensor(isLabels ? rows : [...rows, 3], isLabels ? 'i32' : 'f32') },
    build: ({ y }) => {
      const x = btc.param('x', [...rows, 3], btc.init.zeros);
      return { losses: btc.crossEntropy(x, y, options) };
    },
    train: {
      loss: ({ losses }) => losses.sum(),
      metrics: ({ losses }) => ({ losses }),
      optimizer: btc.sgd({ learningRate: 1 }),
    },
  });
  const given = { y: targets, learningRate: [1] };
  const { outputs, updates } = programOf(model, 'train')(given, { x: Float64Array.from(LOGITS) });
  return { losses: [...outputs.losses], gradient: LOGITS.map((x, k) => x - updates.x[k]) };
}

const close = (given: readonly number[], wanted: readonly number[]) => {
  expect(given).toHaveLength(wanted.length);
  for (const [k, value] of wanted.entries())
    if (Number.isNaN(value)) expect(given[k]).toBeNaN();
    else expect(given[k]).toBeCloseTo(value, 7);
};

describe('crossEntropy is PyTorch’s', () => {
  test.each(Object.entries(CASES))('%s', (_, one) => {
    for (const rows of [[4], [2, 2]]) {
      const { losses, gradient } = evaluate(one, rows);
      close(losses, one.loss);
      close(gradient, one.gradient);
    }
  });

  test('weights may be a tensor', () => {
    const build = (weights: btc.CrossEntropyOptions['weights']) => ({
      build: ({ x, y }: Record<string, btc.Tensor>) => ({
        z: btc.crossEntropy(x, y, { weights }),
      }),
    });
    const inputs = { x: btc.tensor([4, 3]), y: btc.tensor([4], 'i32'), w: btc.tensor([3]) };
    const given = { x: LOGITS, y: LABELS, w: WEIGHTS };
    const asTensor = btc.defineModel({
      name: 'm',
      inputs,
      build: ({ x, y, w }) => ({ z: btc.crossEntropy(x, y, { weights: w }) }),
    });
    const { w, ...rest } = inputs;
    const asNumbers = btc.defineModel({ name: 'm', inputs: rest, ...build(WEIGHTS) });
    const [a] = [asTensor, asNumbers].map(
      (model) => programOf(model, 'predict')(given, {}).outputs.z[0],
    );
    expect(a).toBeCloseTo(2.131996880039, 9);
    expect(programOf(asNumbers, 'predict')(given, {}).outputs.z[0]).toBeCloseTo(a, 12);
  });

  test('a label that the model computes and that is no class makes no number of its row', () => {
    const model = btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor([4, 3]), y: btc.tensor([4], 'i32') },
      build: ({ x, y }) => {
        const labels = btc.mul(y, 2);
        const options = { reduction: 'none', ignoreIndex: 6 } as const;
        return {
          rows: btc.crossEntropy(x, labels, options),
          smoothed: btc.crossEntropy(x, labels, { ...options, labelSmoothing: 0.1 }),
          mean: btc.crossEntropy(x, labels, { ignoreIndex: 6 }),
          ignored: btc.crossEntropy(x.slice(0, 3), labels.slice(0, 3), { ...options }),
        };
      },
    });
    const given = { x: LOGITS, y: [1, -1, 2, 3] };
    const { rows, smoothed, mean, ignored } = programOf(model, 'predict')(given, {}).outputs;
    for (const losses of [rows, smoothed])
      expect([...losses].map(Number.isNaN)).toEqual([false, true, true, false]);
    expect(mean[0]).toBeNaN();
    expect([...ignored]).toEqual([0]);
  });
});

describe('crossEntropy refuses', () => {
  const refusal = (make: (x: btc.Tensor, y: btc.Tensor) => btc.Tensor) => {
    const inputs = { x: btc.tensor([4, 3]), y: btc.tensor([4], 'i32') };
    const build = ({ x, y }: Record<string, btc.Tensor>) => ({ x, y, z: make(x, y) });
    const { diagnostics } = traceModel(btc.defineModel({ name: 'm', inputs, build }));
    return diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n');
  };
  const { crossEntropy } = btc;
  test.each<[string, (x: btc.Tensor, y: btc.Tensor) => btc.Tensor]>([
    ["BTC2003 'crossEntropy' takes i32 labels, not f32", (x) => crossEntropy(x, x.sum(1))],
    [
      "BTC2003 'crossEntropy' takes labels [4] i32, or probabilities [4, 3] f32, for logits [4, 3] f32, not i32 [2]",
      (x, y) => crossEntropy(x, y.slice(0, 2)),
    ],
    [
      "BTC2015 'crossEntropy': 'labelSmoothing' is 1.5; it must be in [0, 1]",
      (x, y) => crossEntropy(x, y, { labelSmoothing: 1.5 }),
    ],
    [
      "BTC2015 'crossEntropy': 'reduction' is average; it must be 'mean', 'sum' or 'none'",
      (x, y) => crossEntropy(x, y, { reduction: 'average' as 'mean' }),
    ],
    [
      "BTC2015 'crossEntropy': 'ignoreIndex' is 0.5; it must be an integer of 32 bits",
      (x, y) => crossEntropy(x, y, { ignoreIndex: 0.5 }),
    ],
    [
      "BTC2015 'crossEntropy': 'ignoreIndex' is 1; it must be left out with probabilities",
      (x) => crossEntropy(x, x, { ignoreIndex: 1 }),
    ],
    [
      "BTC2003 'crossEntropy' takes f32 weights [3], or 3 numbers, not 2 numbers",
      (x, y) => crossEntropy(x, y, { weights: [1, 2] }),
    ],
    [
      "BTC2003 'crossEntropy' takes f32 weights [3], or 3 numbers, not f32 [4]",
      (x, y) => crossEntropy(x, y, { weights: x.sum(1) }),
    ],
    [
      "BTC2050 'crossEntropy': the index 3 is out of range; it must be from 0 to 2",
      (x) => crossEntropy(x, btc.arange(4)),
    ],
  ])('%s', (message, make) => {
    expect(refusal(make)).toBe(message);
  });
});
