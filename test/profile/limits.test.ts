import { expect, test } from 'vitest';
import { compile, defineModel, matmul, mean, relu, tensor } from '../../compiler/index.ts';
import { fromWebgpuLimits, isWebgpuLimits } from '../../compiler/profile/device-limits.ts';
import type { LimitsOption } from '../../compiler/profile/limits-option.ts';
import { planLimits } from '../../ir/plan-limits.ts';
import type { Target } from '../../ir/targets.ts';

const MIB = 2 ** 20;
const model = (rows: number) =>
  defineModel({
    name: 'wide',
    inputs: { x: tensor([rows, 1024]) },
    // A sum over all of it, which nothing can cut.
    build: ({ x }) => ({ y: mean(x) }),
  });

async function messages(rows: number, limits: unknown, target: Target = 'webgpu') {
  const { diagnostics } = await compile(model(rows), { target, limits: limits as LimitsOption });
  return diagnostics.map(({ code, message }) => `${code} ${message}`);
}

test.each<[string, unknown, string]>([
  ['nothing', null, 'it is null; it must be an object'],
  ['a list', [1], 'it is [1]; it must be an object'],
  [
    'less than no bytes',
    { maxBindingBytes: -1 },
    "'maxBindingBytes' is -1; it must be a whole number from 4",
  ],
  [
    'no number',
    { maxBufferBytes: Number.NaN },
    "'maxBufferBytes' is NaN; it must be a whole number",
  ],
  ['infinity', { maxBufferBytes: 1 / 0 }, "'maxBufferBytes' is Infinity; it must be"],
  [
    'a fraction',
    { maxWorkgroupBytes: 0.5 },
    "'maxWorkgroupBytes' is 0.5; it must be a whole number",
  ],
  ['a text', { maxBindingBytes: '1GiB' }, `'maxBindingBytes' is "1GiB"; it must be a whole number`],
  [
    'too few buffers',
    { maxStorageBuffers: 1 },
    "'maxStorageBuffers' is 1; it must be a whole number from 8",
  ],
  ['no invocations', { maxWorkgroupInvocations: 0 }, "'maxWorkgroupInvocations' is 0; it must be"],
  ['another name', { maxBindingByte: 1 }, "there is no limit 'maxBindingByte'; did you mean 'max"],
  ['alignments', { slabAlignment: 4 }, "there is no limit 'slabAlignment'; the limits are maxBuf"],
])('limits that are %s are refused on every target', async (_, limits, message) => {
  for (const target of ['webgpu', 'wasm'] as const)
    expect(await messages(4, limits, target)).toEqual([
      expect.stringContaining(`BTC5024 'limits' does not give limits of a device: ${message}`),
    ]);
});

test('names lead to limits, or to those that there are', async () => {
  expect(await messages(4, 'default')).toEqual([]);
  expect(await messages(4, 'h100')).toEqual([]);
  expect(await messages(4, 'h10')).toEqual([
    "BTC5025 there are no limits 'h10', by name or as a file; the names are default, h100, swiftshader, lavapipe; did you mean 'h100'?",
  ]);
  expect(await messages(4, 'h100', 'wasm')).toEqual([
    "BTC5027 limits 'h100' are of WebGPU, but plans are built for wasm",
  ]);
  expect(await messages(4, 'default', 'wasm')).toEqual([]);
  expect(await messages(4, 'wasm')).toEqual([
    "BTC5024 'wasm' does not give limits of a device: the profile has no limits",
  ]);
});

test('a tensor over the limit of a binding names the limit and the device', async () => {
  // 256 MiB, 128 MiB are the default.
  expect((await messages(65536, 'default'))[0]).toMatch(
    /^BTC4002 tensor '.*' takes 256\.00 MiB, over maxStorageBufferBindingSize of WebGPU's default limits, which is 128\.00 MiB,/,
  );
  expect((await messages(65536, { maxBindingBytes: 200 * MIB }))[0]).toMatch(
    /over maxStorageBufferBindingSize of the limits that are given, which is 200\.00 MiB,/,
  );
  const of = 'apple m4';
  expect((await messages(65536, { maxBindingBytes: 200 * MIB, of }))[0]).toMatch(
    /over maxStorageBufferBindingSize of apple m4, which is 200\.00 MiB,/,
  );
  // Buffers that are smaller than bindings may be.
  expect((await messages(131072, { maxBindingBytes: 1024 * MIB, of }))[0]).toMatch(
    /over maxBufferSize of WebGPU's default limits, which is 256\.00 MiB,/,
  );
  expect(await messages(65536, 'h100')).toEqual([]);
});

test('a plan says what it needs of a workgroup, where that is more than every device has', async () => {
  const chain = defineModel({
    name: 'chain',
    inputs: { a: tensor([2048, 64]), b: tensor([64, 160]), c: tensor([160, 64]) },
    build: ({ a, b, c }) => ({ y: matmul(relu(matmul(a, b)), c) }),
  });
  const { plan } = await compile(chain, { limits: 'h100' });
  const needed = planLimits(plan!);
  const sizes = plan!.kernels.map(({ wgsl }) => Number(/@workgroup_size\((\d+)/.exec(wgsl!)![1]));
  expect(needed.maxComputeInvocationsPerWorkgroup).toBe(Math.max(...sizes));
  const shared = plan!.kernels.some(({ wgsl }) => wgsl!.includes('var<workgroup>'));
  expect(needed.maxComputeWorkgroupStorageSize > 0).toBe(shared);
  expect(needed.maxComputeWorkgroupStorageSize).toBeLessThanOrEqual(48 * 1024);
});

test('what an adapter offers is read under the names that WebGPU gives', () => {
  const offered = { maxBufferSize: 2 ** 32, maxTextureDimension2D: 16384 };
  expect(isWebgpuLimits(offered)).toBe(true);
  expect(fromWebgpuLimits(offered)).toEqual({ maxBufferBytes: 2 ** 32 });
  expect(isWebgpuLimits({ maxBufferBytes: 1 })).toBe(false);
});
