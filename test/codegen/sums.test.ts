import { expect, test } from 'vitest';
import { classifyContraction } from '../../compiler/codegen/gpu/contraction-match.ts';
import type { emitWgsl } from '../../compiler/codegen/gpu/index.ts';
import { TUNING } from '../../compiler/codegen/gpu/tuning.ts';
import { variantText } from '../../compiler/codegen/gpu/variant.ts';
import { interpretKernel } from '../../ir/kernel-interpret.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { runOnWasm } from '../support/run-wasm.ts';
import { emitTiled, runOnGpu } from '../support/run-wgsl.ts';
import {
  resultOf,
  SUM_KERNELS,
  type SumKernel,
  sumBuffers,
  sumError,
  wasmSumErrors,
} from '../support/sum-kernels.ts';
import { chosenWgsl } from '../support/variants.ts';

// Equal terms all round the same way, which is the worst that a sum can meet: one by one, 1e6 of them are off by 1e-2.

const MOST = 1e-5;
const TERMS = [1, 0.1, 1 / 3, 0.7, 1.1];
const NAMES = Object.keys(SUM_KERNELS);

/** What is above the bound. */
const tooLarge = (errors: readonly number[]) => errors.filter((error) => !(error <= MOST));

test('the kernels of the table are valid, and mean the sums that they are measured by', () => {
  for (const name of NAMES) {
    const one = SUM_KERNELS[name](50);
    expect(verifyKernel(one.kernel), name).toEqual([]);
    const buffers = sumBuffers(one.kernel, 0.5).map((data) => Float64Array.from(data));
    interpretKernel(one.kernel, buffers);
    expect(sumError(one, buffers[resultOf(one.kernel)], 0.5), name).toBeLessThan(1e-12);
  }
});

// Around the ends of blocks on all levels, and sizes that nothing divides.
test.each(NAMES)('wasm: %s, of as many equal terms as there may be', async (name) => {
  const sizes = [255, 257, 1023, 8191, 8257, 262_144, 1_000_003];
  const sums = sizes.map((k) => SUM_KERNELS[name](k));
  expect(tooLarge(await wasmSumErrors(sums, TERMS))).toEqual([]);
});

test('wasm: a dot product of ten million', async () => {
  expect(tooLarge(await wasmSumErrors([SUM_KERNELS.dot(10_000_019)], TERMS))).toEqual([]);
});

/** On the GPU of the tests. */
async function gpuError(one: SumKernel, x: number, emitted: ReturnType<typeof emitWgsl>) {
  const results = await runOnGpu(one.kernel, sumBuffers(one.kernel, x), emitted);
  return sumError(one, results[resultOf(one.kernel)], x);
}

const PLAIN = { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupBytes: 0 };

test.each(NAMES)('WebGPU without workgroup memory: %s', async (name) => {
  for (const k of [1023, 50_021]) {
    const one = SUM_KERNELS[name](k);
    expect(await gpuError(one, 0.7, chosenWgsl(one.kernel, PLAIN)), String(k)).toBeLessThan(MOST);
  }
});

test('WebGPU without workgroup memory: a million terms', async () => {
  for (const name of ['dot', 'sum of a vector', 'statistics of planes']) {
    const one = SUM_KERNELS[name](1_000_003);
    expect(await gpuError(one, 0.1, chosenWgsl(one.kernel, PLAIN)), name).toBeLessThan(MOST);
  }
});

// A software GPU switches threads at every barrier, so these are few and short.
test.each(['dot', 'sums of rows', 'sums of columns', 'statistics of planes', 'stage and body'])(
  'WebGPU by default: %s',
  async (name) => {
    const one = SUM_KERNELS[name](name === 'stage and body' ? 20_011 : 300_007);
    const emitted = chosenWgsl(one.kernel);
    expect(emitted.wgsl).toContain('var<workgroup>');
    expect(await gpuError(one, 0.7, emitted)).toBeLessThan(MOST);
  },
);

// Without and with slices of K, with small and large tiles of an invocation; a software GPU compiles each for seconds.
test.each([
  'registers 4x4x1',
  'registers 8x8x4',
  'tiles 128x128x8 of 8x8, 1 slices, 1 buffers',
  'tiles 64x64x8 of 4x4, 1 slices, 2 buffers',
  'tiles 32x32x32 of 4x4, 4 slices, 1 buffers',
])('WebGPU in %s', async (text) => {
  const tiling = TUNING.contraction.tilings.find((one) => variantText(one) === text)!;
  const one = SUM_KERNELS['product TT'](2000 * tiling.slices + 3);
  const groups = classifyContraction(one.kernel)!;
  const emitted = emitTiled(one.kernel, { ...groups, tiling });
  // One by one, 2000 terms of 0.1 are off by 2e-5.
  expect(await gpuError(one, 0.1, emitted)).toBeLessThan(5e-6);
});

test('random positive terms, on both targets', async () => {
  const random = (i: number) => ((Math.imul(i + 1, 2654435761) >>> 8) % 65536) / 65536;
  for (const name of ['dot', 'product NT', 'sums of rows', 'statistics over N, H and W']) {
    const { kernel } = SUM_KERNELS[name](30_011);
    const buffers = sumBuffers(kernel, 1).map((data) => data.map((one, i) => one * random(i)));
    const wanted = buffers.map((data) => Float64Array.from(data));
    interpretKernel(kernel, wanted);
    const result = resultOf(kernel);
    const wasm = await runOnWasm(kernel, buffers);
    const gpu = await runOnGpu(kernel, buffers, chosenWgsl(kernel, PLAIN));
    for (const results of [wasm, gpu])
      wanted[result].forEach((value, i) => {
        expect(Math.abs(results[result][i] / value - 1), `${name}[${i}]`).toBeLessThan(1e-6);
      });
  }
});
