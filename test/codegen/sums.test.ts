import { expect, test } from 'vitest';
import { emitContraction } from '../../compiler/codegen/wgsl/contraction.ts';
import { classifyContraction } from '../../compiler/codegen/wgsl/contraction-match.ts';
import { emitWgsl } from '../../compiler/codegen/wgsl/index.ts';
import { TUNING } from '../../compiler/codegen/wgsl/tuning.ts';
import { interpretKernel } from '../../ir/kernel-interpret.ts';
import { verifyKernel } from '../../ir/kernel-verify.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { runAllOnWasm } from '../support/run-wasm.ts';
import { runOnGpu } from '../support/run-wgsl.ts';
import { resultOf, SUM_KERNELS, type SumKernel, sumBuffers } from '../support/sum-kernels.ts';

// Equal terms all round the same way, which is the worst that a sum can meet: one by one, 1e6 of them are off by 1e-2.

const MOST = 1e-5;
const TERMS = [1, 0.1, 1 / 3, 0.7, 1.1];
const NAMES = Object.keys(SUM_KERNELS);

/** The largest relative error of results that are `terms` times x. */
function errorOf({ terms }: SumKernel, results: ArrayLike<number>, x: number): number {
  return Math.max(
    ...Array.from(results, (value, i) => Math.abs(value / (terms(i) * Math.fround(x)) - 1)),
  );
}

/** Errors above the bound, by kernel, size and term. */
async function wasmErrors(kernels: readonly (readonly [string, SumKernel])[]) {
  const problems: string[] = [];
  for (const x of TERMS) {
    const runs = kernels.map(([, { kernel }]) => ({
      kernel,
      buffers: sumBuffers(kernel, () => x),
    }));
    const results = await runAllOnWasm(runs);
    kernels.forEach(([name, one], i) => {
      const error = errorOf(one, results[i][resultOf(one.kernel)], x);
      if (!(error <= MOST)) problems.push(`${name} of ${x}: ${error}`);
    });
  }
  return problems;
}

test('the kernels of the table are valid, and mean the sums that they are measured by', () => {
  for (const name of NAMES) {
    const one = SUM_KERNELS[name](50);
    expect(verifyKernel(one.kernel), name).toEqual([]);
    const buffers = sumBuffers(one.kernel, () => 0.5).map((data) => Float64Array.from(data));
    interpretKernel(one.kernel, buffers);
    expect(errorOf(one, buffers[resultOf(one.kernel)], 0.5), name).toBeLessThan(1e-12);
  }
});

test.each(NAMES)('wasm: %s, of as many equal terms as there may be', async (name) => {
  // Ends of blocks on all levels, and what divides by nothing.
  const sizes = [255, 257, 1023, 8191, 8257, 262144, 262147];
  expect(
    await wasmErrors(sizes.map((k) => [`${name} ${k}`, SUM_KERNELS[name](k)] as const)),
  ).toEqual([]);
});

test('wasm: a million terms and more', async () => {
  const many = NAMES.map((name) => [name, SUM_KERNELS[name](1_000_003)] as const);
  for (const one of many) expect(await wasmErrors([one])).toEqual([]);
  expect(await wasmErrors([['dot 1e7', SUM_KERNELS.dot(10_000_019)]])).toEqual([]);
}, 60_000);

/** On the GPU of the tests, with what is emitted for the limits, or in a tiling. */
async function gpuError(one: SumKernel, x: number, emitted: ReturnType<typeof emitWgsl>) {
  const results = await runOnGpu(
    one.kernel,
    sumBuffers(one.kernel, () => x),
    emitted,
  );
  return errorOf(one, results[resultOf(one.kernel)], x);
}

const PLAIN = { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupBytes: 0 };
const SMALL = ['dot', 'matrix by vector', 'sum of a vector', 'statistics of planes', 'staged'];

test.each(NAMES)('WebGPU without workgroup memory: %s', async (name) => {
  for (const k of [1023, 8257, SMALL.includes(name) ? 1_000_003 : 100_003]) {
    const one = SUM_KERNELS[name](k);
    for (const x of [0.1, 0.7])
      expect(await gpuError(one, x, emitWgsl(one.kernel, PLAIN)), `${k} of ${x}`).toBeLessThan(
        MOST,
      );
  }
});

// A software GPU switches threads at every barrier, so these are few and short.
test.each(['dot', 'sums of rows', 'sums of columns', 'statistics of planes', 'stage and body'])(
  'WebGPU by default: %s',
  async (name) => {
    const one = SUM_KERNELS[name](name === 'stage and body' ? 20_011 : 300_007);
    const emitted = emitWgsl(one.kernel, WEBGPU_DEFAULT_LIMITS);
    expect(emitted.wgsl).toContain('var<workgroup>');
    for (const x of [0.1, 0.7]) expect(await gpuError(one, x, emitted)).toBeLessThan(MOST);
  },
);

const tilings = TUNING.contraction.tilings.map(
  (tiling) => [`${tiling.memory} ${tiling.tileM}x${tiling.tileN}x${tiling.tileK}`, tiling] as const,
);

test.each(tilings)('WebGPU in tiles of %s', async (_, tiling) => {
  const one = SUM_KERNELS['product TT'](4099);
  const groups = classifyContraction(one.kernel)!;
  const emitted = emitContraction(one.kernel, { ...groups, tiling }, WEBGPU_DEFAULT_LIMITS);
  expect(await gpuError(one, 0.1, emitted)).toBeLessThan(2e-6);
});

test('random positive terms, on both targets', async () => {
  const random = (i: number) => ((Math.imul(i + 1, 2654435761) >>> 8) % 65536) / 65536;
  for (const name of ['dot', 'product NT', 'sums of rows', 'statistics over N, H and W']) {
    const { kernel } = SUM_KERNELS[name](30_011);
    const buffers = sumBuffers(kernel, random);
    const wanted = buffers.map((data) => Float64Array.from(data));
    interpretKernel(kernel, wanted);
    const result = resultOf(kernel);
    const [wasm] = await runAllOnWasm([{ kernel, buffers }]);
    const gpu = await runOnGpu(kernel, buffers, emitWgsl(kernel, PLAIN));
    for (const results of [wasm, gpu])
      wanted[result].forEach((value, i) => {
        expect(Math.abs(results[result][i] / value - 1), `${name}[${i}]`).toBeLessThan(1e-6);
      });
  }
});
