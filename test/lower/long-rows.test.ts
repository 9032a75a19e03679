import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import type { Plan } from '../../ir/plan.ts';
import { builtOf, openSession } from '../support/agreement.ts';

// Softmax over rows of any length, as of 50,257 classes: few passes, and in parts what it is in one.

type Options = NonNullable<Parameters<typeof compile>[1]>;

const TARGETS: readonly Options[] = [
  { target: 'webgpu' },
  { target: 'webgpu', profile: 'swiftshader' },
  { target: 'wasm' },
];

const LAYERS = { softmax: (x: btc.Tensor) => btc.softmax(x), logSoftmax: btc.logSoftmax };

const model = (layer: (x: btc.Tensor) => btc.Tensor, shape: readonly number[]) => () =>
  btc.defineModel({
    ...{ name: 'm', inputs: { x: btc.tensor([...shape]) } },
    build: ({ x }) => ({ y: layer(x) }),
  });

/** Steps that move a whole tensor. */
const passes = ({ programs }: Plan, bytes: number) =>
  programs.predict.steps.filter(({ bytesMoved }) => bytesMoved >= bytes).length;

describe.each(TARGETS)('$target $profile', (options) => {
  // A processor cuts rows where there are fewer than four.
  const few = options.target === 'wasm' ? 4 : 1;
  test.each([
    [64, 50257],
    [Math.max(few, 3), 50257],
    [few, 65536],
    [1024, 8192],
  ])('softmax of %i rows of %i is two passes at most', async (rows, columns) => {
    for (const layer of Object.values(LAYERS)) {
      const { plan } = await compile(model(layer, [rows, columns]), options);
      expect(passes(plan!, 4 * rows * columns)).toBeLessThanOrEqual(2);
    }
  });
});

/** Rows with what is hard for a maximum in parts: long stretches of -Infinity, at every place and everywhere, NaN and +Infinity. */
function hardRows(rows: number, columns: number): Float32Array<ArrayBuffer> {
  const x = Float32Array.from({ length: rows * columns }, (_, i) => 20 * Math.sin(i * i));
  const fill = (row: number, value: number, from: number, to: number) =>
    x.fill(
      value,
      row * columns + Math.floor(from * columns),
      row * columns + Math.floor(to * columns),
    );
  fill(1, Number.NEGATIVE_INFINITY, 0, 0.6);
  fill(2, Number.NEGATIVE_INFINITY, 0.3, 1);
  fill(3, Number.NEGATIVE_INFINITY, 0, 1);
  x[4 * columns + columns - 1] = Number.NaN;
  x[5 * columns + 7] = Number.POSITIVE_INFINITY;
  fill(6, -1e30, 0, 0.5);
  return x;
}

function softmaxOf(row: Float32Array): number[] {
  const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = [...row].map((value) => Math.exp(value - most));
  const total = powers.reduce((sum, one) => sum + one, 0);
  return powers.map((one) => one / total);
}

const ROWS = 8;

describe.each([{ target: 'webgpu' }, { target: 'webgpu', profile: 'swiftshader' }] as const)(
  'in parts on $target $profile',
  (options) => {
    // Lengths with divisors and without.
    test.each([50257, 16384, 9973])('softmax over %i', async (columns) => {
      const made = await compile(model(LAYERS.softmax, [ROWS, columns]), options);
      const session = await openSession(builtOf(made));
      const x = hardRows(ROWS, columns);
      const { y } = await session.run('predict', { x });
      await session.destroy();
      let worst = 0;
      for (let r = 0; r < ROWS; r++) {
        const wanted = softmaxOf(x.subarray(r * columns, (r + 1) * columns));
        const isBroken = (value: number, k: number) =>
          Number.isNaN(value) !== Number.isNaN((y as Float32Array)[r * columns + k]);
        expect(wanted.filter(isBroken)).toEqual([]);
        wanted.forEach((value, k) => {
          const error = Math.abs((y as Float32Array)[r * columns + k] - value);
          if (error > worst) worst = error;
        });
      }
      expect(worst).toBeLessThan(2e-6);
    });
  },
);
