import { beforeAll, expect, test } from 'vitest';
import { create } from 'webgpu';
import { emitWgsl, variantsOf } from '../../compiler/codegen/gpu/index.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';

// No adapter of the tests multiplies matrices by subgroups: what they compute is tested in another dialect (dialect.test.ts). Dawn
// without a GPU behind it has the feature, so that the code is at least known to be WGSL.

const FEATURES = ['subgroups', 'chromium-experimental-subgroup-matrix', 'shader-f16'];
const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
let device: GPUDevice;
beforeAll(async () => {
  const adapter = (await gpu.requestAdapter())!;
  expect(FEATURES.filter((feature) => !adapter.features.has(feature))).toEqual([]);
  device = await adapter.requestDevice({ requiredFeatures: FEATURES as GPUFeatureName[] });
});

const product = (dtype: string, m: number, n: number, k: number) =>
  parseKernel(`kernel product {
  axis a0 parallel ${m}
  axis a1 parallel ${n}
  axis a2 reduced ${k}
  buffer b0 read ${dtype} ${m * k}
  buffer b1 read ${dtype} ${k * n}
  buffer b2 write f32 ${m * n}
  n0: f32 = load b0[${k}*a0 + a2]
  n1: f32 = load b1[${n}*a2 + a1]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b2[${n}*a0 + a1] = n3
}
`);

test.each([
  ['f16', 16, 16, 16, 32],
  ['f16', 16, 8, 8, 32],
  ['f32', 8, 8, 8, 32],
  ['f32', 8, 8, 8, 64],
] as const)('products of %s matrices, %i x %i x %i, are WGSL', async (component, m, n, k, size) => {
  const limits = {
    ...WEBGPU_DEFAULT_LIMITS,
    ...{ maxWorkgroupBytes: 48 * 1024, minSubgroupSize: size },
    subgroupMatrices: [{ component, m, n, k, subgroupSize: size }],
  };
  let count = 0;
  for (const kernel of [product(component, 128, 96, 300), product(component, 50, 70, 33)])
    for (const variant of variantsOf(kernel, limits)) {
      if (variant.form !== 'matrix') continue;
      count++;
      const { wgsl } = emitWgsl(kernel, variant, limits);
      expect(wgsl).toMatch(/^enable chromium_experimental_subgroup_matrix;$/m);
      device.pushErrorScope('validation');
      const { messages } = await device.createShaderModule({ code: wgsl }).getCompilationInfo();
      await device.popErrorScope();
      expect(messages.map(({ lineNum, message }) => `${lineNum}: ${message}`)).toEqual([]);
    }
  expect(count).toBeGreaterThan(1);
});
