import { beforeAll, describe, expect, it } from 'vitest';
import { compile, defineModel, linear, relu, tensor } from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { load, requestDevice } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testGpu } from '../support/gpu.ts';

// WebGPU has halves in memory where a device has the feature shader-f16. Adapters here stand in for those of users.

let plan: Plan;
let parameters: Uint8Array;

beforeAll(async () => {
  const model = defineModel({
    name: 'net',
    inputs: { x: tensor([32, 33]) },
    build: ({ x }) => ({ y: linear(35, 7)(relu(linear(33, 35)(x))) }),
  });
  const made = await compile(model, { target: 'webgpu', precision: 'f16' });
  plan = made.plan!;
  parameters = made.parameters!;
});

/** An adapter of the GPU of the tests with other features, which notes what it is asked for. */
async function adapterWith(features: readonly string[]) {
  const own = (await (await testGpu()).requestAdapter())!;
  const asked: { requiredFeatures?: Iterable<string> }[] = [];
  const adapter = {
    limits: own.limits,
    features: new Set(features),
    requestDevice: (descriptor: { requiredFeatures?: Iterable<string> }) => {
      asked.push(descriptor);
      return Promise.reject(new Error('no device'));
    },
  };
  return { gpu: { requestAdapter: () => Promise.resolve(adapter) } as never, asked };
}

describe('a plan with halves on WebGPU', () => {
  it('names the feature, and is no valid plan without', () => {
    expect(plan.features).toEqual(['shader-f16']);
    const { features: _, ...without } = plan;
    expect(verifyPlan(without as Plan)).toEqual([
      'features: [], but the kernels need [shader-f16]',
    ]);
    const plain = plan.kernels.map((kernel) => ({
      ...kernel,
      bindings: kernel.bindings.map((binding) => ({ ...binding, dtype: 'f32' as const })),
    }));
    expect(verifyPlan({ ...plan, kernels: plain })).toContain(
      'features: [shader-f16], but the kernels need []',
    );
  });

  it('binds and copies whole words, whatever the number of elements', () => {
    const odd = plan.tensors.filter(({ shape }) => shape.reduce((a, b) => a * b, 1) % 2 === 1);
    expect(odd.filter(({ dtype }) => dtype === 'f16')).not.toEqual([]);
    for (const { bytes } of [...plan.tensors, ...plan.kernels.flatMap(({ bindings }) => bindings)])
      expect(bytes % 4).toBe(0);
  });

  it('says that no tensor but an activation is a half', () => {
    const tensors = plan.tensors.map((one) =>
      one.role === 'parameter' && one.shape.length === 1
        ? { ...one, dtype: 'f16' as const, bytes: 4 * Math.ceil(one.shape[0] / 2) }
        : one,
    );
    expect(verifyPlan({ ...plan, tensors }).join('\n')).toMatch(
      /a tensor with role 'parameter' cannot be f16/,
    );
  });

  it('asks the adapter for it', async () => {
    const { gpu, asked } = await adapterWith(['shader-f16', 'timestamp-query']);
    await errorOf(() => requestDevice(plan, gpu));
    await errorOf(() => requestDevice(plan, gpu, { trace: true }));
    expect(asked.map(({ requiredFeatures = [] }) => [...requiredFeatures])).toEqual([
      ['shader-f16'],
      ['shader-f16', 'timestamp-query'],
    ]);
  });

  it('is refused by an adapter without, before anything is allocated, with what it has', async () => {
    const { gpu, asked } = await adapterWith(['timestamp-query', 'bgra8unorm-storage']);
    const error = await errorOf(() => load(plan, { gpu, parameters }));
    expect(error).toMatchObject({
      code: 'feature-missing',
      message:
        'the plan needs shader-f16, the adapter has timestamp-query, bgra8unorm-storage; use another adapter, or build the plan with --precision f32 and without --half',
    });
    expect(asked).toEqual([]);
    const none = await errorOf(async () =>
      load(plan, { gpu: (await adapterWith([])).gpu, parameters }),
    );
    expect(none.message).toContain('the adapter has no features;');
  });

  it("is refused on a caller's device that was requested without", async () => {
    const device = await (await (await testGpu()).requestAdapter())!.requestDevice();
    const error = await errorOf(() => load(plan, { device, parameters }));
    expect(error).toMatchObject({ code: 'feature-missing' });
    expect(error.message).toMatch(/the device .*has .*; use another device, or build/);
    device.destroy();
  });
});
