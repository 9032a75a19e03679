import { describe, expect, test } from 'vitest';
import { productMacs } from '../../compiler/factorised/product-macs.ts';
import * as btc from '../../compiler/index.ts';
import { opRow } from '../../ir/ops.ts';
import { compileText, define } from '../support/compile-text.ts';
import { reconstruct, someCores } from '../support/factorised.ts';
import { graphsOf } from '../support/passes.ts';
import { programOf } from './run-program.ts';

const [BATCH, HEIGHT, WIDTH, IN, OUT] = [2, 5, 6, 6, 4];
const KERNELS: Readonly<Record<string, btc.KernelFactorisation>> = {
  'Tucker-2': btc.tuckerKernel({ inputRank: 2, outputRank: 3 }),
  CP: btc.cpKernel({ rank: 3 }),
  'CP that is not separable': btc.cpKernel({ rank: 3, separable: false }),
  'tensor-train': btc.tensorTrainKernel({ rank: 3 }),
  'tensor-train over split channels': btc.tensorTrainKernel({
    ranks: [3, 2],
    inputModes: [3, 2],
    outputModes: [2, 2],
  }),
};

const close = (given: ArrayLike<number>, wanted: ArrayLike<number>) => {
  const scale = Math.max(...Array.from(wanted, Math.abs), 1e-12);
  expect(given.length).toBe(wanted.length);
  Array.from(wanted).forEach((value, i) => {
    expect(Math.abs(given[i] - value) / scale, `[${i}]`).toBeLessThan(1e-10);
  });
};

/** A trained layer over images that take gradients too; gradients are what one step subtracts. */
function layerOn(options: Omit<btc.ConvolutionLayerOptions, 'kernel'>) {
  const model = btc.defineModel({
    name: 'm',
    inputs: {},
    build: () => {
      const x = btc.param('x', [BATCH, HEIGHT, WIDTH, IN], btc.init.zeros);
      const layer = btc.convolution(IN, OUT, { kernel: 3, name: 'l', bias: false, ...options });
      return { y: layer(x) };
    },
    train: {
      loss: ({ y }) => btc.mul(btc.sum(btc.square(y)), 0.5),
      optimizer: btc.sgd({ learningRate: 1 }),
    },
  });
  const rate = Float64Array.of(1);
  return {
    predict: programOf(model, 'predict'),
    train: (parameters: Readonly<Record<string, Float64Array>>) =>
      programOf(model, 'train')({ learningRate: rate }, parameters).updates,
  };
}

describe.each(Object.entries(KERNELS))(
  'a convolution with a kernel of the form %s',
  (_, weight) => {
    const x = Float64Array.from({ length: BATCH * HEIGHT * WIDTH * IN }, (_, k) => Math.cos(k));
    const kernel = weight.kernelNetwork([3, 3], IN, OUT)!;
    const { cores, parameters } = someCores(kernel, 'l.weight');
    const given = { x, ...parameters };
    const dense = { x, 'l.weight': reconstruct(kernel, cores) };

    test.each([{ padding: 'same' }, { stride: 2, padding: 1, dilation: [1, 2] }] as const)(
      'does what the dense kernel does: %o',
      (options) => {
        const factorised = layerOn({ weight, ...options });
        const plain = layerOn(options);
        close(factorised.predict({}, given).outputs.y, plain.predict({}, dense).outputs.y);
        const updates = factorised.train(given);
        const wanted = plain.train(dense);
        close(updates.x, wanted.x);
        // Kernels are linear in each core, so a core's gradient is that of the kernel, summed over what the core changes.
        kernel.networks[0].cores.forEach((core, c) => {
          const gradient = cores[0][c].map((_, k) => {
            const unit = cores[0].map((values, b) =>
              b === c ? values.map((__, j) => (j === k ? 1 : 0)) : values,
            );
            return reconstruct(kernel, [unit]).reduce(
              (sum, value, j) => sum + value * (dense['l.weight'][j] - wanted['l.weight'][j]),
              0,
            );
          });
          const name = `l.weight.${core.name}`;
          close(
            given[name as 'x'].map((value, k) => value - updates[name][k]),
            gradient,
          );
        });
      },
    );
  },
);

/** Multiply-adds of the contractions of the only program, in the order that the compiler found. */
function plannedMacs(model: btc.Model): number {
  const { module } = graphsOf(model);
  const [{ nodes }] = module.programs;
  return nodes.reduce((sum, { op, operands, attributes, type }) => {
    const types = operands.map((operand) => nodes[operand].type);
    return sum + (op === 'contract' ? opRow(op).flops(types, attributes, type) / 2 : 0);
  }, 0);
}

describe('multiply-adds are those of the convolutions in stages', () => {
  const [batch, height, width, input, output, k] = [2, 10, 12, 16, 24, 3];
  const pixels = batch * height * width;
  /** Of windows without padding. */
  const [rows, columns] = [height - k + 1, width - k + 1];
  const positions = batch * rows * columns;
  const model = (weight: btc.KernelFactorisation) =>
    btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor([batch, height, width, input]) },
      build: ({ x }) => ({ y: btc.convolution(input, output, { kernel: k, weight })(x) }),
    });

  test.each([
    [
      'Tucker-2: 1 x 1, k x k, 1 x 1',
      btc.tuckerKernel({ inputRank: 5, outputRank: 7 }),
      pixels * input * 5 + positions * k * k * 5 * 7 + positions * 7 * output,
    ],
    [
      'CP: 1 x 1, k x 1, 1 x k, 1 x 1',
      btc.cpKernel({ rank: 6 }),
      pixels * input * 6 +
        batch * rows * width * k * 6 +
        positions * k * 6 +
        positions * 6 * output,
    ],
    [
      'CP that is not separable: 1 x 1, k x k, 1 x 1',
      btc.cpKernel({ rank: 6, separable: false }),
      pixels * input * 6 + positions * k * k * 6 + positions * 6 * output,
    ],
    [
      'tensor-train: 1 x 1, k x 1, 1 x k, 1 x 1',
      btc.tensorTrainKernel({ ranks: [4, 6, 5] }),
      pixels * input * 4 +
        batch * rows * width * k * 4 * 6 +
        positions * k * 6 * 5 +
        positions * 5 * output,
    ],
  ])('%s', (_, weight, staged) => {
    const kernel = weight.kernelNetwork([k, k], input, output)!;
    const axes = [
      { extent: height, positions: rows },
      { extent: width, positions: columns },
    ];
    expect(productMacs(kernel, batch, axes)).toBe(staged);
    expect(plannedMacs(model(weight))).toBe(staged);
  });
});

describe('mistakes', () => {
  const model = (options: string) =>
    define(`build: ({ x, n }) => ({
    x, n, y: convolution(4, 6, { kernel: 3, ${options} })▸(zeros([2, 5, 5, 4])),
  }),`);
  test.each([
    [
      'weight: tuckerKernel({ inputRank: 5, outputRank: 2 })',
      'BTC2018',
      'Tucker-2: rank 5 of the input channels must be from 1 to 4',
    ],
    [
      'weight: cpKernel({ rank: 300 })',
      'BTC2018',
      'CP: rank 300 of the factors must be from 1 to 36',
    ],
    [
      'weight: tensorTrainKernel({ ranks: [4, 3] })',
      'BTC2020',
      'tensor-train: 2 ranks are given, one for each bond makes 3',
    ],
    [
      'weight: tensorTrainKernel({ ranks: [4, 13, 6] })',
      'BTC2018',
      'tensor-train: rank 13 of bond 2 must be from 1 to 12',
    ],
    [
      'weight: tensorTrainKernel({ rank: 2, inputModes: [2, 3], outputModes: [2, 3] })',
      'BTC2017',
      'tensor-train: the input modes [2, 3] multiply to 6, not to the 4 features of the layer; [2, 2] would do',
    ],
    [
      'weight: tensorTrainKernel({ rank: 2, inputModes: [2, 2], outputModes: [6] })',
      'BTC2019',
      'tensor-train: there are 2 input modes and 1 output modes, but they go in pairs; output modes [3, 2] would do',
    ],
    [
      'groups: 2, weight: cpKernel({ rank: 2 })',
      'BTC2015',
      "'convolution': 'groups' is 2; it must be 1 with a factorised kernel",
    ],
    [
      'stride: [1, 0]',
      'BTC2015',
      "'convolution': 'stride' is [1,0]; it must be a positive integer, or one for each of the 2 spatial axes",
    ],
  ])('%s', async (options, code, message) => {
    const { diagnostics } = await compileText(model(options));
    expect(diagnostics.map((one) => [one.code, one.message])).toEqual([[code, message]]);
    expect(diagnostics[0].source).not.toBeNull();
  });

  test('more arithmetic than the dense kernel is a warning with both counts', async () => {
    const { diagnostics, plan } = await compileText(model('weight: cpKernel({ rank: 36 })'));
    expect(plan).not.toBeNull();
    expect(diagnostics.map(({ code, category }) => [code, category])).toEqual([
      ['BTC2101', 'warning'],
    ]);
    expect(diagnostics[0].message).toMatch(
      /^'convolution': the CP form takes [\d,]+ multiply-adds at batch 2, the dense layer 3,888;/,
    );
  });
});
