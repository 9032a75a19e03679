import { expect, test } from 'vitest';
import { classifyContraction } from '../../compiler/codegen/gpu/contraction-match.ts';
import { chooseVariant } from '../../compiler/codegen/gpu/index.ts';
import { TUNING } from '../../compiler/codegen/gpu/tuning.ts';
import { type ContractionVariant, variantText } from '../../compiler/codegen/gpu/variant.ts';
import type { Affine, Kernel } from '../../ir/kernel.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { emitTiled, fitsByDefault, runOnGpu } from '../support/run-wgsl.ts';
import { chosenWgsl, TEST_MODEL } from '../support/variants.ts';

interface Shape {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeLeft?: boolean;
  readonly transposeRight?: boolean;
  readonly transposeOut?: boolean;
}

/** out[b, m, n] = max(Σ_k left[b, m, k] · right[b, k, n] + bias[n], 0), each with its layout. */
function matmulKernel(shape: Shape): Kernel {
  const { batch, m, n, k } = shape;
  const affine = (...coefficients: number[]): Affine => ({ offset: 0, coefficients });
  const leftIndex = shape.transposeLeft ? affine(m * k, 1, 0, m) : affine(m * k, k, 0, 1);
  const rightIndex = shape.transposeRight ? affine(n * k, 0, k, 1) : affine(n * k, 0, 1, n);
  const outIndex = shape.transposeOut ? affine(m * n, 1, m, 0) : affine(m * n, n, 1, 0);
  return {
    name: 'matmul',
    axes: [
      { extent: batch, kind: 'parallel' },
      { extent: m, kind: 'parallel' },
      { extent: n, kind: 'parallel' },
      { extent: k, kind: 'reduced' },
    ],
    buffers: [
      { dtype: 'f32', access: 'read', elements: batch * m * k },
      { dtype: 'f32', access: 'read', elements: batch * n * k },
      { dtype: 'f32', access: 'read', elements: n },
      { dtype: 'f32', access: 'write', elements: batch * m * n },
    ],
    nodes: [
      { kind: 'load', dtype: 'f32', buffer: 0, index: leftIndex, bounds: [] },
      { kind: 'load', dtype: 'f32', buffer: 1, index: rightIndex, bounds: [] },
      { kind: 'apply', dtype: 'f32', op: 'mul', operands: [0, 1] },
      { kind: 'accumulator', dtype: 'f32', reduction: 0 },
      { kind: 'load', dtype: 'f32', buffer: 2, index: affine(0, 0, 1, 0), bounds: [] },
      { kind: 'apply', dtype: 'f32', op: 'add', operands: [3, 4] },
      { kind: 'constant', dtype: 'f32', value: 0 },
      { kind: 'apply', dtype: 'f32', op: 'max', operands: [5, 6] },
    ],
    reductions: [{ combiner: 'sum', value: 2 }],
    stores: [{ buffer: 3, index: outIndex, value: 7, accumulate: false }],
  };
}

const at = ({ coefficients }: Affine, indices: readonly number[]) =>
  coefficients.reduce((sum, coefficient, axis) => sum + coefficient * indices[axis], 0);

function reference(kernel: Kernel, [left, right, bias]: readonly Float32Array[]): Float32Array {
  const [batch, m, n, k] = kernel.axes.map(({ extent }) => extent);
  const out = new Float32Array(batch * m * n);
  const [leftLoad, rightLoad] = kernel.nodes as unknown as { index: Affine }[];
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let r = 0; r < k; r++) {
          const point = [b, i, j, r];
          sum += left[at(leftLoad.index, point)] * right[at(rightLoad.index, point)];
        }
        out[at(kernel.stores[0].index, [b, i, j, 0])] = Math.max(sum + bias[j], 0);
      }
  return out;
}

async function check(shape: Shape, tiling?: ContractionVariant) {
  const kernel = matmulKernel(shape);
  const buffers = kernel.buffers.map(({ elements }, buffer) =>
    Float32Array.from({ length: elements }, (_, i) => Math.sin(i * 1.7 + buffer)),
  );
  const groups = classifyContraction(kernel)!;
  const emitted = tiling && emitTiled(kernel, { ...groups, tiling });
  const output = (await runOnGpu(kernel, buffers, emitted)).at(-1)!;
  const wanted = reference(kernel, buffers);
  let worst = 0;
  wanted.forEach((value, i) => {
    worst = Math.max(worst, Number.isNaN(output[i]) ? 1 : Math.abs(output[i] - value));
  });
  expect(worst).toBeLessThan(1e-5 * shape.k);
}

const sizes = TUNING.contraction.tilings
  .filter(fitsByDefault)
  .map((tiling): [string, ContractionVariant] => [variantText(tiling), tiling]);

// A software GPU takes seconds to compile a tiled kernel, so each tiling shows itself once, in layouts by turns.
test.each(sizes)('%s, inside and at the edges', async (_, tiling) => {
  const turn = TUNING.contraction.tilings.indexOf(tiling);
  await check(
    {
      batch: 2,
      m: tiling.tileM + 3,
      n: tiling.tileN + 5,
      k: 2 * tiling.tileK + 7,
      transposeLeft: turn % 2 === 1,
      transposeRight: turn % 3 !== 1,
      transposeOut: turn % 4 === 2,
    },
    tiling,
  );
});

test('a plain reduction serves what is too small for tiles', async () => {
  await check({ batch: 3, m: 2, n: 3, k: 100 });
  await check({ batch: 1, m: 1, n: 40, k: 300, transposeRight: true });
});

test('large contractions are tiled, small ones are not', () => {
  const formOf = (shape: Shape) =>
    chooseVariant(matmulKernel(shape), WEBGPU_DEFAULT_LIMITS, TEST_MODEL);
  expect(formOf({ batch: 1, m: 2048, n: 2048, k: 2048 })).toMatchObject({ tileM: 128 });
  expect(formOf({ batch: 1, m: 2, n: 2048, k: 2048 }).form).toBe('reduction');
  expect(formOf({ batch: 1, m: 512, n: 512, k: 512 }).form).toBe('tiles');
});

test('the output row is the one whose elements are neighbours in memory', () => {
  const { m, n } = classifyContraction(
    matmulKernel({ batch: 1, m: 64, n: 32, k: 16, transposeOut: true }),
  )!;
  expect([m, n]).toEqual([[2], [1]]);
});

test('the text of a large contraction stays small', () => {
  const { wgsl } = chosenWgsl(matmulKernel({ batch: 1, m: 1000, n: 1000, k: 1000 }));
  expect(wgsl.length).toBeLessThan(10_000);
});
