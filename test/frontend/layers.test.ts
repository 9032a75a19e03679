import { describe, expect, it } from 'vitest';
import * as btc from '../../compiler/language.ts';
import {
  column,
  expectOutputs,
  expectValue,
  i32,
  type Matrix,
  numbers,
  plus,
  sigmoid,
  tabulate,
  timesMatrix,
  total,
  type Vector,
} from './expect-outputs.ts';
import { programOf } from './run-program.ts';

describe('a probability or loss', () => {
  const logits = [[1000, 1001, 999], ...numbers<Matrix>([3, 3])];
  const softmax = (v: Vector) => v.map((x) => 1 / total(v.map((y) => Math.exp(y - x))));
  const logSoftmax = (v: Vector) => softmax(v).map(Math.log);
  it('softmax and logSoftmax along any axis, without overflow', () => {
    const columns = [0, 1, 2].map((j) => softmax(column(logits.slice(1), j)));
    expectValue([logits], (x) => btc.softmax(x), logits.map(softmax));
    expectValue(
      [logits.slice(1)],
      (x) => btc.softmax(x, 0),
      tabulate([3, 3], (i, j) => columns[j][i]),
    );
    expectValue([logits], (x) => btc.logSoftmax(x), logits.map(logSoftmax));
  });

  it('crossEntropy averages over the labels', () => {
    const lost = (row: number, label: number) => -logSoftmax(logits[row])[label];
    const labels = [0, 2, 1, 2];
    const mean = total(labels.map((label, row) => lost(row, label))) / 4;
    expectValue([logits, i32(labels)], (x, y) => btc.crossEntropy(x, y), mean);
    const halves = [logits.slice(0, 2), logits.slice(2)];
    expectValue(
      [
        halves,
        i32([
          [0, 2],
          [1, 2],
        ]),
      ],
      (x, y) => btc.crossEntropy(x, y),
      mean,
    );
  });

  it('meanSquaredError', () => {
    expectValue(
      [
        [1, 2],
        [3, -1],
      ],
      (a, b) => btc.meanSquaredError(a, b),
      (4 + 9) / 2,
    );
  });
});

const normal = (v: Vector, epsilon: number) => {
  const mean = total(v) / v.length;
  const variance = total(v.map((x) => (x - mean) ** 2)) / v.length;
  return v.map((x) => (x - mean) / Math.sqrt(variance + epsilon));
};

describe('a layer', () => {
  const x = numbers<readonly Matrix[]>([2, 4, 3]);

  it('linear multiplies with its weight and adds its bias', () => {
    const [w, bias] = [numbers<Matrix>([3, 5], 1), numbers<Vector>([5], 2)];
    const parameters = { 'linear1.weight': w, 'linear1.bias': bias, 'out.weight': w };
    expectOutputs(
      {
        inputs: { x },
        parameters,
        build: (t) => ({
          biased: btc.linear(3, 5)(t.x),
          plain: btc.linear(3, 5, { bias: false, name: 'out' })(t.x),
        }),
      },
      {
        biased: x.map((m) => m.map((row) => plus(timesMatrix(row, w), bias))),
        plain: x.map((m) => m.map((row) => timesMatrix(row, w))),
      },
    );
  });

  it('embedding takes a row per index', () => {
    const table = numbers<Matrix>([4, 2]);
    expectOutputs(
      {
        inputs: {
          i: i32([
            [3, 0],
            [1, 3],
          ]),
        },
        parameters: { 'embedding1.weight': table },
        build: ({ i }) => {
          const words = btc.embedding(4, 2);
          return { rows: words(i), table: words.table() };
        },
      },
      {
        rows: [
          [table[3], table[0]],
          [table[1], table[3]],
        ],
        table,
      },
    );
  });

  it('layerNorm normalises the last axis, then scales and shifts', () => {
    const [scale, shift] = [numbers<Vector>([3], 1), numbers<Vector>([3], 2)];
    const parameters = { 'layerNorm1.scale': scale, 'layerNorm1.shift': shift };
    const layer = (row: Vector) => normal(row, 0.1).map((v, k) => v * scale[k] + shift[k]);
    expectValue(
      [x],
      (a) => btc.normalise(a),
      x.map((m) => m.map((row) => normal(row, 1e-5))),
    );
    expectOutputs(
      { inputs: { x }, parameters, build: (t) => ({ y: btc.layerNorm(3, { epsilon: 0.1 })(t.x) }) },
      { y: x.map((m) => m.map(layer)) },
    );
  });
});

it('names parameters by layer and scope, and keeps those of a layer that is used again', () => {
  const [first, second, third] = [1, 2, 3].map((salt) => numbers<Matrix>([2, 2], salt));
  const x = numbers<Vector>([2]);
  const build = ({ x }: Readonly<Record<string, btc.Tensor>>) => {
    const plain = () => btc.linear(2, 2, { bias: false });
    const layer = plain();
    const y = layer(layer(btc.reshape(x, [1, 2])));
    const z = btc.scope('head', () => btc.scope('deep', () => plain()(y)));
    return { y: btc.squeeze(plain()(z)) };
  };
  expectOutputs(
    {
      inputs: { x },
      parameters: {
        'linear1.weight': first,
        'head.deep.linear1.weight': second,
        'linear2.weight': third,
      },
      build,
    },
    { y: [first, first, second, third].reduce<Vector>(timesMatrix, x) },
  );
});

interface State {
  readonly hidden: Vector;
  readonly cell?: Vector;
}

/** The state after one step on one row of a batch, gate by gate. */
type Step = (x: Vector, state: State, weights: Weights) => State;
interface Weights {
  readonly inputWeight: Matrix;
  readonly hiddenWeight: Matrix;
  readonly bias: Vector;
  readonly hiddenBias: Vector;
}

/** Columns of gate `k` of a matrix in which gates of `hidden` columns lie side by side. */
const gate = (m: Matrix, k: number, hidden: number) =>
  m.map((row) => row.slice(k * hidden, (k + 1) * hidden));
const gateOf = (v: Vector, k: number, hidden: number) => gate([v], k, hidden)[0];

const STEPS: Readonly<Record<'rnn' | 'lstm' | 'gru', Step>> = {
  rnn: (x, { hidden }, { inputWeight, hiddenWeight, bias }) => ({
    hidden: plus(plus(timesMatrix(x, inputWeight), timesMatrix(hidden, hiddenWeight)), bias).map(
      Math.tanh,
    ),
  }),
  lstm: (x, { hidden, cell }, { inputWeight, hiddenWeight, bias }) => {
    const n = hidden.length;
    const [i, f, g, o] = [0, 1, 2, 3].map((k) =>
      plus(
        plus(
          timesMatrix(x, gate(inputWeight, k, n)),
          timesMatrix(hidden, gate(hiddenWeight, k, n)),
        ),
        gateOf(bias, k, n),
      ),
    );
    const next = cell!.map((c, j) => sigmoid(f[j]) * c + sigmoid(i[j]) * Math.tanh(g[j]));
    return { hidden: next.map((c, j) => sigmoid(o[j]) * Math.tanh(c)), cell: next };
  },
  gru: (x, { hidden }, { inputWeight, hiddenWeight, bias, hiddenBias }) => {
    const n = hidden.length;
    const [xr, xz, xn] = [0, 1, 2].map((k) =>
      plus(timesMatrix(x, gate(inputWeight, k, n)), gateOf(bias, k, n)),
    );
    const [hr, hz, hn] = [0, 1, 2].map((k) =>
      plus(timesMatrix(hidden, gate(hiddenWeight, k, n)), gateOf(hiddenBias, k, n)),
    );
    return {
      hidden: hidden.map((h, j) => {
        const z = sigmoid(xz[j] + hz[j]);
        return (1 - z) * Math.tanh(xn[j] + sigmoid(xr[j] + hr[j]) * hn[j]) + z * h;
      }),
    };
  },
};
const GATES = { rnn: 1, lstm: 4, gru: 3 };
const LAYERS = { rnn: btc.rnn, lstm: btc.lstm, gru: btc.gru };

describe.each(['rnn', 'lstm', 'gru'] as const)('the recurrent layer %s', (kind) => {
  const [batch, time, inFeatures, hidden] = [2, 4, 3, 2];
  const width = GATES[kind] * hidden;
  const weights: Weights = {
    inputWeight: numbers([inFeatures, width], 1),
    hiddenWeight: numbers([hidden, width], 2),
    bias: numbers([width], 3),
    hiddenBias: numbers([width], 4),
  };
  const parameters = Object.fromEntries(
    Object.entries(weights)
      .filter(([name]) => kind === 'gru' || name !== 'hiddenBias')
      .map(([name, value]) => [`${kind}1.${name}`, value]),
  );
  const x = numbers<readonly Matrix[]>([batch, time, inFeatures], 5);
  const initial = {
    hidden: numbers<Matrix>([batch, hidden], 6),
    ...(kind === 'lstm' ? { cell: numbers<Matrix>([batch, hidden], 7) } : {}),
  };
  /** States after each step, by row of the batch. */
  const run = (start: (row: number) => State) =>
    x.map((steps, row) => {
      const states: State[] = [];
      for (const step of steps)
        states.push(STEPS[kind](step, states.at(-1) ?? start(row), weights));
      return states;
    });
  const results = (states: readonly (readonly State[])[]) => ({
    outputs: states.map((row) => row.map((state) => state.hidden)),
    hidden: states.map((row) => row.at(-1)!.hidden),
    ...(kind === 'lstm' ? { cell: states.map((row) => row.at(-1)!.cell!) } : {}),
  });
  const tensorsOf = ({ outputs, state }: btc.RecurrentResult) => ({
    outputs,
    hidden: state.hidden,
    ...(state.cell ? { cell: state.cell } : {}),
  });
  const given = (row: number): State => ({
    hidden: initial.hidden[row],
    ...(initial.cell ? { cell: initial.cell[row] } : {}),
  });

  it('carries its state from step to step, starting at zeros', () => {
    const zeros = [0, 0];
    expectOutputs(
      { inputs: { x }, parameters, build: (t) => tensorsOf(LAYERS[kind](inFeatures, hidden)(t.x)) },
      results(run(() => ({ hidden: zeros, cell: zeros }))),
    );
  });

  it('starts at a given state', () => {
    expectOutputs(
      {
        inputs: { x, ...initial },
        parameters,
        build: ({ x, ...state }) =>
          tensorsOf(LAYERS[kind](inFeatures, hidden)(x, state as unknown as btc.RecurrentState)),
      },
      results(run(given)),
    );
  });

  it('steps one at a time with the same weights', () => {
    const { outputs: _, ...last } = results(run(given));
    expectOutputs(
      {
        inputs: { x, ...initial },
        parameters,
        build: ({ x, ...start }) => {
          const layer = LAYERS[kind](inFeatures, hidden);
          let state = start as unknown as btc.RecurrentState;
          for (let t = 0; t < time; t++)
            state = layer.step(btc.squeeze(btc.slice(x, 1, t, t + 1), 1), state);
          return { ...state };
        },
      },
      last,
    );
  });
});

describe('random numbers', () => {
  const COUNT = 4096;
  const RATE = 0.3;
  const KEPT = 1 / (1 - RATE);

  /** Trains `weight`, whose gradient is what drops out of `x`, by one unit of learning rate. */
  const dropping = (rate: number, seed = 0) =>
    btc.defineModel({
      name: 'm',
      seed,
      inputs: { x: btc.tensor([COUNT]) },
      build: ({ x }) => {
        const weight = btc.param('weight', [COUNT], btc.init.ones);
        return { first: btc.dropout(btc.mul(x, weight), rate), second: btc.dropout(x, rate) };
      },
      train: {
        loss: ({ first }) => btc.sum(first),
        metrics: (outputs) => outputs,
        optimizer: btc.sgd({ learningRate: 1 }),
      },
    });
  const x = Float64Array.from({ length: COUNT }, (_, i) => 1 + i / COUNT);
  const weight = new Float64Array(COUNT).fill(1);
  const train = (step: number, model = dropping(RATE)) =>
    programOf(model, 'train')({ x, step: [step], learningRate: [1] }, { weight });
  /** Share of the places at which both or neither of two tensors are zero. */
  const agreement = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).filter((value, i) => (value === 0) === (b[i] === 0)).length / COUNT;
  // What two independent masks would share.
  const CHANCE = RATE ** 2 + (1 - RATE) ** 2;

  it('dropout sets a share of the elements to zero and scales the others up', () => {
    const { first, second } = train(0).outputs;
    for (const y of [first, second]) {
      y.forEach((value, i) => {
        if (value !== 0) expect(value / x[i]).toBeCloseTo(KEPT, 12);
      });
      const dropped = y.filter((value) => value === 0).length;
      // Four deviations of the binomial distribution.
      expect(Math.abs(dropped / COUNT - RATE)).toBeLessThan(
        4 * Math.sqrt((RATE * (1 - RATE)) / COUNT),
      );
    }
  });

  it('dropout lets the gradient through where it let the value through', () => {
    const { outputs, updates } = train(5);
    updates.weight.forEach((value, i) => {
      expect(value).toBeCloseTo(1 - outputs.first[i], 12);
    });
  });

  it('dropout drops the same elements whenever the same step is run', () => {
    expect(train(3).outputs).toEqual(train(3).outputs);
  });

  it('dropout drops others at another step, in another call and for another seed', () => {
    const { first, second } = train(3).outputs;
    const others = [
      second,
      train(4).outputs.first,
      train(1003).outputs.first,
      train(3, dropping(RATE, 1)).outputs.first,
    ];
    for (const other of others)
      expect(Math.abs(agreement(first, other) - CHANCE)).toBeLessThan(0.04);
  });

  it('dropout is the identity at rate 0 and when the model is not trained', () => {
    expect(Array.from(train(0, dropping(0)).outputs.second)).toEqual(Array.from(x));
    const { first } = programOf(dropping(RATE), 'predict')({ x }, { weight }).outputs;
    expect(Array.from(first)).toEqual(Array.from(x));
    expect(Array.from(train(0, dropping(1)).outputs.second, Math.abs)).toEqual(
      new Array(x.length).fill(0),
    );
  });

  it('randomUniform spreads evenly over [0, 1)', () => {
    const model = btc.defineModel({
      name: 'm',
      inputs: {},
      build: () => ({ a: btc.randomUniform([64, 64]), b: btc.randomUniform([64, 64]) }),
    });
    const { a, b } = programOf(model, 'predict')({ step: [7] }, {}).outputs;
    const bins = new Array<number>(16).fill(0);
    for (const value of a) bins[Math.floor(value * 16)]++;
    expect(bins).toHaveLength(16);
    // Chi-squared with 15 degrees of freedom exceeds 37.7 once in a thousand.
    expect(total(bins.map((n) => (n - COUNT / 16) ** 2 / (COUNT / 16)))).toBeLessThan(37.7);
    const covariance = total(Array.from(a, (value, i) => (value - 0.5) * (b[i] - 0.5))) / COUNT;
    expect(Math.abs(covariance)).toBeLessThan(4 / 12 / Math.sqrt(COUNT));
  });
});

describe('normalising layers of channels', () => {
  it('train a scale and a shift where they are affine', () => {
    const x = numbers<Matrix>([3, 4]);
    const parameters = { 'n.scale': [2, 3, 4, 5], 'n.shift': [1, 2, 3, 4] };
    for (const [layer, normal] of [
      [btc.groupNorm(2, 4, { name: 'n' }), btc.groupNorm(2, 4, { affine: false })],
      [btc.instanceNorm(4, { name: 'n', affine: true }), btc.instanceNorm(4)],
    ])
      expectOutputs(
        {
          inputs: { x },
          parameters,
          build: ({ x }) => ({
            difference: layer(x)
              .sub(normal(x).mul(btc.iota([4], 0).cast('f32').add(2)))
              .sub(btc.iota([4], 0).cast('f32').add(1)),
          }),
        },
        { difference: x.map((row) => row.map(() => 0)) },
      );
    expectOutputs(
      {
        inputs: { x: [[3, 4]] },
        parameters: { 'n.scale': [2, 10] },
        build: ({ x }) => ({ y: btc.rmsNorm(2, { name: 'n', epsilon: 1e-12 })(x) }),
      },
      { y: [[6 / Math.sqrt(12.5), 40 / Math.sqrt(12.5)]] },
    );
  });
});
