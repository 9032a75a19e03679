import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import type { Plan } from '../../ir/plan.ts';
import { openSession } from '../support/agreement.ts';

// How often a training step reads the rows of a loss or a norm from memory.

const [ROWS, CLASSES] = [1024, 1024];

const trained =
  (name: string, loss: (x: btc.Tensor, label: btc.Tensor) => btc.Tensor) => (): btc.Model =>
    btc.defineModel({
      name,
      inputs: { x: btc.tensor([ROWS, CLASSES]), label: btc.tensor([ROWS], 'i32') },
      build: ({ x }) => ({ y: btc.add(x, btc.param('shift', [ROWS, CLASSES], btc.init.zeros)) }),
      train: { loss: ({ y }, { label }) => loss(y, label), optimizer: btc.sgd() },
    });

const MODELS = {
  plain: trained('plain', (y, label) => btc.crossEntropy(y, label)),
  ignoring: trained('ignoring', (y, label) => btc.crossEntropy(y, label, { ignoreIndex: 3 })),
  smoothed: trained('smoothed', (y, label) => btc.crossEntropy(y, label, { labelSmoothing: 0.1 })),
  summed: trained('summed', (y, label) => btc.crossEntropy(y, label, { reduction: 'sum' })),
};

/** Steps of the training step that read the rows, and not only what labels say of them, and do not make them. */
function passes({ programs, tensors, kernels }: Plan): number {
  const whole = programs.train.steps.filter(({ bytesMoved }) => bytesMoved >= 4 * ROWS * CLASSES);
  return whole.filter(({ kernel, bindings, label }) =>
    bindings.some((tensor, b) => {
      const { access, bytes } = kernels[kernel].bindings[b];
      const isRows = bytes === 4 * ROWS * CLASSES && access !== 'write';
      return isRows && tensors[tensor].role === 'activation' && label !== 'add';
    }),
  ).length;
}

/** -Σ target·log softmax by row, in double precision. */
function witness(
  x: Float32Array,
  labels: Int32Array,
  { ignored = -1, smoothing = 0, isSum = false },
): number {
  let [total, counted] = [0, 0];
  for (let r = 0; r < ROWS; r++) {
    if (labels[r] === ignored) continue;
    const row = [...x.subarray(r * CLASSES, (r + 1) * CLASSES)];
    const top = Math.max(...row);
    const log = top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
    const own = log - row[labels[r]];
    const evenly = row.reduce((sum, value) => sum + log - value, 0) / CLASSES;
    total += (1 - smoothing) * own + smoothing * evenly;
    counted++;
  }
  return isSum ? total : total / counted;
}

const WITNESSES = {
  plain: {},
  ignoring: { ignored: 3 },
  smoothed: { smoothing: 0.1 },
  summed: { isSum: true },
};

describe('cross-entropy of many classes', () => {
  test.each(['plain', 'ignoring', 'summed'] as const)(
    'reads its logits twice on a GPU, once forward and once backward: %s',
    async (name) => {
      const { plan } = await compile(MODELS[name], { target: 'webgpu' });
      expect(passes(plan!)).toBeLessThanOrEqual(2);
    },
  );

  test.each(Object.keys(MODELS) as (keyof typeof MODELS)[])(
    'is what double precision gives: %s',
    async (name) => {
      const made = await compile(MODELS[name], { target: 'wasm' });
      if (!made.plan) throw new Error('the model does not build');
      const session = await openSession(made);
      const x = Float32Array.from({ length: ROWS * CLASSES }, (_, i) => 4 * Math.sin(i * i));
      const label = Int32Array.from({ length: ROWS }, (_, i) => (7 * i) % CLASSES);
      const { loss } = await session.run('train', { x, label });
      session.destroy();
      const wanted = witness(x, label, WITNESSES[name]);
      expect(Math.abs(loss[0] - wanted)).toBeLessThan(2e-6 * Math.abs(wanted));
    },
  );
});
