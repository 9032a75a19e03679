import { describe, expect, test } from 'vitest';
import * as forms from '../../compiler/factorised/forms.ts';
import * as kernels from '../../compiler/factorised/kernel-forms.ts';
import { factoriseDimension } from '../../compiler/factorised/modes.ts';
import {
  denseCount,
  type MatrixNetwork,
  parameterCount,
} from '../../compiler/factorised/network.ts';
import { productMacs } from '../../compiler/factorised/product-macs.ts';
import { initialValues } from '../../compiler/frontend/initialisers.ts';
import { coreInitialiser } from '../../compiler/frontend/layers/core-initialiser.ts';
import * as btc from '../../compiler/index.ts';
import { elementCount } from '../../ir/tensor.ts';
import { compileText, withOutput } from '../support/compile-text.ts';
import { reconstruct, someCores } from '../support/factorised.ts';
import { programOf } from './run-program.ts';

const MODES = { inputModes: [3, 4, 2], outputModes: [2, 3, 4] };
const KERNEL = { taps: [3, 3], inputModes: [6], outputModes: [8] };
const NETWORKS: Readonly<Record<string, MatrixNetwork>> = {
  'low-rank': forms.lowRankNetwork(24, 24, 5),
  CP: forms.cpNetwork(MODES, 7),
  'CP over split modes': forms.splitCpNetwork(MODES, 9),
  Tucker: forms.tuckerNetwork(MODES, [2, 3, 2], [2, 3, 3]),
  'tensor-train': forms.tensorTrainNetwork(MODES, [4, 3]),
  'tensor-ring': forms.tensorRingNetwork(MODES, [2, 3, 2, 3, 2, 3]),
  'block-term': forms.blockTermNetwork(MODES, [
    [2, 3, 2],
    [2, 3, 2],
  ]),
  'block-term of unequal blocks': forms.blockTermNetwork(MODES, [
    [2, 3, 2],
    [1, 2, 3],
    [3, 1, 2],
  ]),
  'hierarchical Tucker': forms.hierarchicalTuckerNetwork(MODES, 4),
  'Tucker-2 kernel': kernels.tuckerKernelNetwork(KERNEL, 3, 4),
  'CP kernel': kernels.cpKernelNetwork(KERNEL, 9, true),
  'CP kernel that is not separable': kernels.cpKernelNetwork(KERNEL, 9, false),
  'tensor-train kernel': kernels.tensorTrainKernelNetwork(KERNEL, [4, 6, 4]),
  'tensor-train kernel over split channels': kernels.splitTrainKernelNetwork(
    { taps: [3, 3], inputModes: [3, 2], outputModes: [2, 4] },
    [5, 4],
  ),
};

describe('a factorised matrix', () => {
  test.each(Object.entries(NETWORKS))(
    '%s is initialised with the variance asked for',
    (_, matrix) => {
      const variance = 0.01;
      let sum = 0;
      let count = 0;
      for (let seed = 0; seed < 400; seed++) {
        const cores = matrix.networks.map((network, n) =>
          network.cores.map((core) =>
            initialValues(
              coreInitialiser(matrix, network, core, variance),
              `${n}.${core.name}`,
              core.shape,
              seed,
            ),
          ),
        );
        for (const value of reconstruct(matrix, cores)) sum += value * value;
        count += denseCount(matrix);
      }
      const ratio = sum / count / variance;
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.1);
    },
  );

  test('has the parameters that the paper counts', () => {
    const modes = { inputModes: [8, 20, 20, 18], outputModes: [16, 4, 4, 4] };
    const ranks = [4, 4, 4, 4];
    expect(parameterCount(forms.blockTermNetwork(modes, [ranks, ranks]))).toBe(3392);
    expect(
      parameterCount(
        forms.blockTermNetwork(modes, [
          [1, 1, 1, 1],
          [1, 1, 1, 1],
        ]),
      ),
    ).toBe(722);
    expect(
      parameterCount(
        forms.blockTermNetwork(modes, [
          [2, 2, 2, 2],
          [2, 2, 2, 2],
        ]),
      ),
    ).toBe(1472);
    const train = forms.tensorTrainNetwork(modes, [4, 4, 4]);
    expect(parameterCount(train)).toBe(3360);
    expect(denseCount(train)).toBe(58_982_400);
  });
});

const WEIGHTS: Readonly<Record<string, btc.Factorisation>> = {
  'low-rank': btc.lowRank({ rank: 3 }),
  CP: btc.cp({ ...MODES, rank: 4 }),
  'CP over split modes': btc.cp({
    inputModes: [6, 4],
    outputModes: [2, 3, 4],
    rank: 4,
    split: true,
  }),
  Tucker: btc.tucker({ inputModes: [6, 4], outputModes: [2, 3, 4], rank: 3 }),
  'tensor-train': btc.tensorTrain({ ...MODES, rank: 3 }),
  'tensor-ring': btc.tensorRing({ ...MODES, rank: 2 }),
  'block-term': btc.blockTerm({ ...MODES, rank: 2, blocks: 2 }),
  'block-term of unequal blocks': btc.blockTerm({
    ...MODES,
    ranks: [
      [2, 3, 2],
      [1, 2, 3],
    ],
  }),
  'hierarchical Tucker': btc.hierarchicalTucker({ ...MODES, rank: 3 }),
};

const close = (given: ArrayLike<number>, wanted: ArrayLike<number>) => {
  const scale = Math.max(...Array.from(wanted, Math.abs), 1e-12);
  Array.from(wanted).forEach((value, i) => {
    expect(Math.abs(given[i] - value) / scale, `[${i}]`).toBeLessThan(1e-10);
  });
};

describe.each(Object.entries(WEIGHTS))('a linear layer of the form %s', (_, weight) => {
  const matrix = weight.network(24, 24, 1)!;
  const batch = 3;
  const x = Float64Array.from({ length: batch * 24 }, (_, k) => Math.cos(k));
  const model = btc.defineModel({
    name: 'm',
    inputs: { x: btc.tensor([batch, 24]) },
    build: ({ x }) => ({ y: btc.linear(24, 24, { name: 'l', weight, bias: false })(x) }),
    train: {
      loss: ({ y }) => btc.mul(btc.sum(btc.mul(y, y)), 0.5),
      optimizer: btc.sgd({ learningRate: 1 }),
    },
  });
  const { cores, parameters } = someCores(matrix, 'l.weight');
  const dense = reconstruct(matrix, cores);
  const times = (rows: Float64Array, transposed = false) =>
    Float64Array.from({ length: batch * 24 }, (_, k) => {
      const [b, j] = [Math.floor(k / 24), k % 24];
      let sum = 0;
      for (let i = 0; i < 24; i++)
        sum += rows[b * 24 + i] * dense[transposed ? j * 24 + i : i * 24 + j];
      return sum;
    });

  test('gives what its dense matrix gives', () => {
    const { outputs } = programOf(model, 'predict')({ x }, parameters);
    close(outputs.y, times(x));
  });

  test('has gradients that follow from the dense one', () => {
    const y = times(x);
    const { updates } = programOf(model, 'train')(
      { x, learningRate: Float64Array.of(1) },
      parameters,
    );
    // dL/dW = xᵀ·y; a core's gradient is its contraction with all other cores: finite differences of the matrix, which
    // is linear in each core, are exact.
    matrix.networks.forEach((network, n) => {
      network.cores.forEach((core, c) => {
        const name = `l.weight.${core.name}`;
        const wanted = Float64Array.from(cores[n][c], (_, k) => {
          const moved = cores.map((list, a) =>
            list.map((values, b) => {
              if (a !== n || b !== c) return values;
              const copy = values.slice();
              copy[k] += 1;
              return copy;
            }),
          );
          const change = reconstruct(matrix, moved);
          let gradient = 0;
          for (let i = 0; i < 24; i++)
            for (let j = 0; j < 24; j++) {
              let own = 0;
              for (let b = 0; b < batch; b++) own += x[b * 24 + i] * y[b * 24 + j];
              gradient += own * (change[i * 24 + j] - dense[i * 24 + j]);
            }
          return gradient;
        });
        close(
          cores[n][c].map((value, k) => value - updates[name][k]),
          wanted,
        );
      });
    });
  });
});

describe.each(Object.entries(WEIGHTS))('an embedding of the form %s', (_, weight) => {
  const matrix = weight.network(24, 24, 1)!;
  const { cores, parameters } = someCores(matrix, 'e.weight');
  const dense = reconstruct(matrix, cores);
  const model = btc.defineModel({
    name: 'm',
    inputs: { words: btc.tensor([2, 3], 'i32') },
    build: ({ words }) => {
      const layer = btc.embedding(24, 24, { name: 'e', weight });
      return { rows: layer(words), table: layer.table() };
    },
  });

  test('gives the rows of its dense table, clamped to it', () => {
    const words = [0, 23, 7, 99, -4, 12];
    const { outputs } = programOf(model, 'predict')(
      { words: Float64Array.from(words) },
      parameters,
    );
    const rows = words.map((word) => Math.max(0, Math.min(23, word)));
    close(
      outputs.rows,
      rows.flatMap((row) => [...dense.subarray(24 * row, 24 * (row + 1))]),
    );
    close(outputs.table, dense);
  });
});

describe('a block-term LSTM', () => {
  const inputWeight = btc.blockTerm({
    inputModes: [4, 6],
    outputModes: [2, 3],
    rank: 2,
    blocks: 2,
  });
  const model = (factorised: boolean) =>
    btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor([2, 5, 24]) },
      build: ({ x }) => {
        const options = factorised ? { inputWeight, hiddenWeight: btc.lowRank({ rank: 2 }) } : {};
        return { y: btc.lstm(24, 6, { name: 'l', ...options })(x).outputs };
      },
    });

  test('gives what the LSTM with the dense matrices gives', () => {
    const input = inputWeight.network(24, 6, 4)!;
    const hidden = btc.lowRank({ rank: 2 }).network(6, 6, 4)!;
    const first = someCores(input, 'l.inputWeight');
    const second = someCores(hidden, 'l.hiddenWeight');
    const bias = { 'l.bias': Float64Array.from({ length: 24 }, (_, k) => 0.1 * k) };
    const x = Float64Array.from({ length: 240 }, (_, k) => 0.1 * Math.sin(k));
    const factorised = programOf(model(true), 'predict')(
      { x },
      { ...first.parameters, ...second.parameters, ...bias },
    );
    const dense = programOf(model(false), 'predict')(
      { x },
      {
        'l.inputWeight': reconstruct(input, first.cores),
        'l.hiddenWeight': reconstruct(hidden, second.cores),
        ...bias,
      },
    );
    close(factorised.outputs.y, dense.outputs.y);
  });
});

test('dimensions fall into modes of about equal size', () => {
  expect(factoriseDimension(57600, 4)).toEqual([16, 16, 15, 15]);
  expect(factoriseDimension(1024, 5)).toEqual([4, 4, 4, 4, 4]);
  expect(factoriseDimension(13, 3)).toEqual([13, 1, 1]);
  for (let dimension = 1; dimension < 500; dimension++)
    expect(elementCount(factoriseDimension(dimension, 3))).toBe(dimension);
});

describe('a shape that is chosen', () => {
  const FORMS = [
    'low-rank',
    'cp',
    'tucker',
    'tensor-train',
    'tensor-ring',
    'block-term',
    'hierarchical-tucker',
  ] as const;

  test.each(FORMS)('%s keeps the budget of parameters and uses most of it', (form) => {
    const parameters = form === 'low-rank' ? 130_000 : 20_000;
    const matrix = btc.fitted(form, { parameters }).network(57600, 256, 4)!;
    expect(elementCount(matrix.inputModes)).toBe(57600);
    expect(elementCount(matrix.outputModes)).toBe(1024);
    expect(parameterCount(matrix)).toBeLessThanOrEqual(parameters);
    expect(parameterCount(matrix)).toBeGreaterThan(0.4 * parameters);
  });

  test('keeps budgets of bytes and of multiply-adds', () => {
    const bytes = btc.fitted('tensor-train', { bytes: 4000 }).network(784, 256, 1)!;
    expect(4 * parameterCount(bytes)).toBeLessThanOrEqual(4000);
    const dense = 32 * 784 * 256;
    const budget = { macs: dense / 4, batch: 32 };
    const macs = btc.fitted('block-term', budget).network(784, 256, 1)!;
    expect(productMacs(macs, 32)).toBeLessThanOrEqual(dense / 4);
  });
});

describe('mistakes', () => {
  const model = (weight: string) => withOutput(`linear(3, 8, { weight: ${weight} })(x)`);
  test.each([
    [
      'tensorTrain({ inputModes: [3, 2], outputModes: [4, 2], rank: 2 })',
      'BTC2017',
      'tensor-train: the input modes [3, 2] multiply to 6, not to the 3 features of the layer; [3, 1] would do',
    ],
    [
      'blockTerm({ inputModes: [3], outputModes: [4, 2], rank: 2 })',
      'BTC2019',
      'block-term: there are 1 input modes and 2 output modes, but they go in pairs; output modes [8] would do',
    ],
    ['lowRank({ rank: 4 })', 'BTC2018', 'low-rank: rank 4 of the matrix must be from 1 to 3'],
    [
      'blockTerm({ inputModes: [3, 1], outputModes: [4, 2], ranks: [2, 0] })',
      'BTC2018',
      'block-term: rank 0 of mode 2 must be from 1 to 2',
    ],
    [
      'blockTerm({ inputModes: [3, 1], outputModes: [4, 2], rank: 1, blocks: 0 })',
      'BTC2015',
      "'block-term': 'blocks' is 0; it must be a positive integer",
    ],
    [
      'tensorRing({ inputModes: [3, 1], outputModes: [4, 2], ranks: [2, 2] })',
      'BTC2020',
      'tensor-ring: 2 ranks are given, one for each bond makes 4',
    ],
  ])('%s', async (weight, code, message) => {
    const { diagnostics } = await compileText(model(weight));
    expect(diagnostics.map((one) => [one.code, one.message])).toEqual([[code, message]]);
    expect(diagnostics[0].source).not.toBeNull();
  });

  test('more arithmetic than the dense layer is a warning with both counts', async () => {
    const { diagnostics, plan } = await compileText(
      model('tensorRing({ inputModes: [3, 1], outputModes: [4, 2], rank: 9 })'),
    );
    expect(plan).not.toBeNull();
    expect(diagnostics.map(({ code, category }) => [code, category])).toEqual([
      ['BTC2101', 'warning'],
    ]);
    expect(diagnostics[0].message).toMatch(
      /takes [\d,]+ multiply-adds at batch 2, the dense layer 48/,
    );
  });
});
