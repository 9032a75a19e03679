import { beforeAll, describe, expect, it } from 'vitest';
import {
  compile,
  defineModel,
  linear,
  max,
  mean,
  relu,
  sum,
  tensor,
} from '../../compiler/index.ts';
import { verifyCode } from '../../compiler/verify/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { planMatrices, planSubgroupSize } from '../../ir/plan-features.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { load, requestDevice } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testGpu } from '../support/gpu.ts';

// Sums in subgroups, where a device has the feature. Adapters here stand in for those of users.

const model = () =>
  defineModel({
    name: 'sums',
    inputs: { x: tensor([6, 3000]) },
    build: ({ x }) => ({ all: sum(x, [0, 1]), rows: max(x, [1]), columns: mean(relu(x), [0]) }),
  });
const planFor = async (minSubgroupSize?: number, subgroups: 'auto' | 'never' = 'auto') => {
  const made = await compile(model(), {
    ...{ target: 'webgpu', dispatches: 'single', subgroups },
    ...(minSubgroupSize ? { limits: { minSubgroupSize } } : {}),
  });
  if (!made.plan) throw new Error(made.diagnostics[0].message);
  return made.plan;
};
const x = Float32Array.from({ length: 18000 }, (_, i) => ((i * 37) % 101) / 16 - 3);

let plan: Plan;
beforeAll(async () => {
  plan = await planFor(32);
});

interface Offered {
  readonly features?: readonly string[];
  readonly info?: object;
}

/** Limits that no plan exceeds. */
const AMPLE = new Proxy({}, { get: () => 2 ** 40 });

/** An adapter with such features and subgroups, which notes what it is asked for. */
function adapterWith({ features = ['subgroups'], info = {} }: Offered) {
  const asked: string[][] = [];
  const adapter = {
    ...{ limits: AMPLE, features: new Set(features), info },
    requestDevice: ({ requiredFeatures = [] }: { requiredFeatures?: Iterable<string> }) => {
      asked.push([...requiredFeatures]);
      return Promise.reject(new Error('no device'));
    },
  };
  return { gpu: { requestAdapter: () => Promise.resolve(adapter) } as never, asked };
}

describe('a plan for a device with subgroups', () => {
  it('names the feature and the size, and is no valid plan without', async () => {
    expect(plan.features).toEqual(['subgroups']);
    expect(plan.limits?.minSubgroupSize).toBe(32);
    expect(plan.kernels.map(({ variant }) => variant).join()).toMatch(/exchange 32/);
    expect(planSubgroupSize(plan)).toBe(32);
    expect(verifyPlan(plan)).toEqual([]);
    const { features: _, ...without } = plan;
    expect(verifyPlan(without as Plan)).toEqual(['features: [], but the kernels need [subgroups]']);
  });

  it('is made for no other device, and not where they are switched off', async () => {
    for (const other of [await planFor(), await planFor(32, 'never')]) {
      expect(other.features).toBeUndefined();
      expect(other.limits?.minSubgroupSize).toBeUndefined();
      expect(planSubgroupSize(other)).toBe(1);
      expect(other.kernels.map(({ wgsl }) => wgsl).join()).not.toMatch(/subgroup/);
    }
  });

  it('asks the adapter for the feature', async () => {
    for (const info of [{}, { subgroupMinSize: 32, subgroupMaxSize: 64 }]) {
      const { gpu, asked } = adapterWith({ info });
      await errorOf(() => requestDevice(plan, gpu));
      expect(asked).toEqual([['subgroups']]);
    }
  });

  it('is refused by an adapter without it, with what it has', async () => {
    const { gpu, asked } = adapterWith({ features: ['timestamp-query'] });
    expect(await errorOf(() => load(plan, { gpu }))).toMatchObject({
      code: 'feature-missing',
      message:
        'the plan needs subgroups, the adapter has timestamp-query; use another adapter, or build the plan with --subgroups never',
    });
    expect(asked).toEqual([]);
  });

  it('is refused by an adapter whose subgroups may be smaller, with their sizes', async () => {
    const info = { vendor: 'acme', subgroupMinSize: 8, subgroupMaxSize: 32 };
    const { gpu, asked } = adapterWith({ info });
    expect(await errorOf(() => load(plan, { gpu }))).toMatchObject({
      code: 'limit-too-small',
      message:
        "the plan needs subgroups of at least 32 invocations, the adapter 'acme' has subgroups of 8 to 32; build the plan for the limits of this adapter, or with --subgroups never",
    });
    expect(asked).toEqual([]);
  });

  it('is refused on a device whose subgroups are others than it says', async () => {
    const adapter = (await (await testGpu()).requestAdapter())!;
    const { subgroupMaxSize } = adapter.info;
    const larger = await planFor(2 * subgroupMaxSize);
    const device = await adapter.requestDevice({ requiredFeatures: ['subgroups'] });
    Object.defineProperty(device, 'adapterInfo', { value: {} });
    expect(await errorOf(() => load(larger, { device }))).toMatchObject({
      code: 'kernel-rejected',
      message: expect.stringMatching(/^the subgroups of the device are not \d+ neighbouring/),
    });
    device.destroy();
  });
});

it('sums in subgroups are those of plain kernels, in every run to the bit', async () => {
  const gpu = await testGpu();
  const { subgroupMinSize } = (await gpu.requestAdapter())!.info;
  const exchanging = await planFor(subgroupMinSize);
  expect(exchanging.features).toEqual(['subgroups']);
  const results = [];
  for (const one of [await planFor(), exchanging, exchanging]) {
    const session = await load(one, { gpu: gpu as never });
    results.push(await session.run('predict', { x }));
    session.destroy();
  }
  const [plain, first, second] = results;
  expect(second).toEqual(first);
  expect(first.rows).toEqual(plain.rows);
  expect(Math.abs(first.all[0] - plain.all[0])).toBeLessThan(1e-3);
  first.columns.forEach((value, k) => {
    expect(value).toBeCloseTo(plain.columns[k], 5);
  });
});

describe('a plan with products of matrices', () => {
  const PRODUCT = { component: 'f16', m: 16, n: 16, k: 16, subgroupSize: 32 } as const;
  const network = defineModel({
    name: 'product',
    inputs: { x: tensor([1024, 1024]) },
    build: ({ x }) => ({ y: linear(1024, 1024)(relu(linear(1024, 1024)(x))) }),
  });
  const made = (options: object) =>
    compile(network, {
      ...{ target: 'webgpu', precision: 'f16' },
      limits: { minSubgroupSize: 32, maxWorkgroupBytes: 49152, subgroupMatrices: [PRODUCT] },
      ...options,
    });

  it('is made where it is asked for, names the features, and is refused elsewhere by what an adapter has', async () => {
    const { plan: matrices } = await made({ subgroupMatrix: true });
    expect(matrices!.features).toEqual([
      ...['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'],
    ]);
    expect(matrices!.kernels.map(({ variant }) => variant).join()).toMatch(/matrix .*16x16x16 f16/);
    expect(planMatrices(matrices!)).toEqual([PRODUCT]);
    expect(planSubgroupSize(matrices!)).toBe(32);
    expect(verifyPlan(matrices!)).toEqual([]);
    expect(await verifyCode(matrices!, null)).toEqual([]);
    const parsed = JSON.parse(JSON.stringify(matrices));
    expect(verifyPlan(parsed)).toEqual([]);

    const features = [...matrices!.features!];
    const less = adapterWith({ features: features.slice(0, 2) });
    expect(await errorOf(() => requestDevice(matrices!, less.gpu))).toMatchObject({
      code: 'feature-missing',
      message:
        'the plan needs chromium-experimental-subgroup-matrix, the adapter has shader-f16, subgroups; use another adapter, or build the plan without --subgroup-matrix',
    });
    const config = (M: number) => ({
      ...{ componentType: 'f16', resultComponentType: 'f32', M, N: 8, K: 16 },
    });
    const sizes = { subgroupMinSize: 32, subgroupMaxSize: 32 };
    const other = adapterWith({
      features,
      info: { ...sizes, subgroupMatrixConfigs: [config(16), config(8)] },
    });
    expect(await errorOf(() => requestDevice(matrices!, other.gpu))).toMatchObject({
      code: 'feature-missing',
      message:
        'the plan needs products of matrices 16x16x16 of f16 to f32 by subgroups of 32, the adapter has 16x8x16 of f16 to f32, 8x8x16 of f16 to f32 by subgroups of 32; build the plan for the limits of this adapter, or without --subgroup-matrix',
    });
    const right = { ...config(16), N: 16 };
    const various = { subgroupMinSize: 32, subgroupMaxSize: 64, subgroupMatrixConfigs: [right] };
    const wider = adapterWith({ features, info: various });
    expect((await errorOf(() => requestDevice(matrices!, wider.gpu))).message).toMatch(
      /has 16x16x16 of f16 to f32 by subgroups of 32 to 64;/,
    );
    const fitting = adapterWith({
      features,
      info: { ...sizes, subgroupMatrixConfigs: [right] },
    });
    await errorOf(() => requestDevice(matrices!, fitting.gpu));
    expect(fitting.asked).toEqual([features]);
  });

  it('has none without the flag, without subgroups, or of factors that the matrices do not hold', async () => {
    for (const options of [
      {},
      { subgroupMatrix: true, subgroups: 'never' },
      { subgroupMatrix: true, precision: 'f32' },
    ]) {
      const { plan: other } = await made(options);
      expect(other!.features ?? []).not.toContain('chromium-experimental-subgroup-matrix');
      expect(other!.limits!.subgroupMatrices === undefined).toBe(!('precision' in options));
    }
  });
});
