import { beforeAll, describe, expect, test } from 'vitest';
import {
  compile,
  defineModel,
  linear,
  meanSquaredError,
  sgd,
  tensor,
} from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { type LoadProgress, load } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testDevice } from '../support/gpu.ts';
import { SMALL_INPUTS, smallPlan, smallReference } from '../support/small-plan.ts';

// What a run makes and waits for on the device.

let device: GPUDevice;
beforeAll(async () => {
  device = await testDevice();
});

/** A view of the device that counts its calls, those of its queue and of its buffers among them. */
function counted(): { view: GPUDevice; take: () => Record<string, number> } {
  let counts: Record<string, number> = {};
  const counting = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_, key) {
        const value = Reflect.get(target, key, target);
        if (key === 'queue') return counting(value as object);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => {
          counts[String(key)] = (counts[String(key)] ?? 0) + 1;
          const result = value.apply(target, given);
          if (key === 'createBuffer') {
            const map = result.mapAsync.bind(result);
            result.mapAsync = (...range: unknown[]) => {
              counts.mapAsync = (counts.mapAsync ?? 0) + 1;
              return map(...range);
            };
          }
          return result;
        };
      },
    });
  const take = () => {
    const { writeBuffer, ...taken } = counts;
    counts = {};
    return taken;
  };
  return { view: counting(device), take };
}

describe('a run in steady state', () => {
  test('is one encoder and one submit; it is read by one map, and makes nothing', async () => {
    const { view, take } = counted();
    const session = await load(smallPlan(), { device: view });
    for (let run = 0; run < 2; run++) await session.run('train', SMALL_INPUTS);
    take();
    const ONCE = { createCommandEncoder: 1, submit: 1 };
    for (let run = 0; run < 5; run++) {
      await session.run('train', SMALL_INPUTS);
      expect(take()).toEqual({ ...ONCE, mapAsync: 1 });
      await session.run('train', SMALL_INPUTS, { read: false });
      expect(take()).toEqual(ONCE);
      await session.run('train', SMALL_INPUTS, { into: { loss: new Float32Array(1) } });
      expect(take()).toEqual({ ...ONCE, mapAsync: 1 });
    }
    const usage = 4 | 8;
    const x = device.createBuffer({ size: 48, usage });
    const y = device.createBuffer({ size: 12, usage });
    const runOnDevice = () =>
      session.run('train', { x, y }, { read: false, into: { loss: 'device' } });
    await runOnDevice();
    take();
    await runOnDevice();
    expect(take()).toEqual({ ...ONCE, pushErrorScope: 1, popErrorScope: 1 });
    session.destroy();
  });

  test('waits for the device once in 32 runs, and then for earlier ones', async () => {
    const { view, take } = counted();
    const session = await load(smallPlan(), { device: view, programs: 'all' });
    take();
    for (let run = 0; run < 64; run++) await session.run('train', SMALL_INPUTS, { read: false });
    expect(take().onSubmittedWorkDone).toBe(2);
    session.destroy();
  });

  test('is handed over before the one before it has been read', async () => {
    const model = defineModel({
      name: 'roomy',
      inputs: { x: tensor([4, 16]), y: tensor([4, 32]) },
      build: ({ x }) => ({ z: linear(16, 32)(x) }),
      train: {
        loss: ({ z }, { y }) => meanSquaredError(z, y),
        optimizer: sgd({ learningRate: 0.01 }),
      },
    });
    const { plan, parameters } = await compile(model, { target: 'webgpu' });
    const { view, take } = counted();
    const session = await load(plan!, {
      device: view,
      parameters: parameters!,
      programs: ['train'],
    });
    const inputs = { x: new Float32Array(64).fill(1), y: new Float32Array(128).fill(1) };
    const first = await session.run('train', inputs);
    take();
    const runs = Array.from({ length: 4 }, () => session.run('train', inputs));
    // Nothing of the device comes back to the host in a microtask.
    for (let turn = 0; turn < 100; turn++) await null;
    expect(take().submit).toBe(4);
    const losses = (await Promise.all(runs)).map(({ loss }) => loss[0]);
    expect([first.loss[0], ...losses]).toEqual([first.loss[0], ...losses].sort((a, b) => b - a));
    expect(new Set(losses).size).toBe(4);
    session.destroy();
  });

  test('takes inputs up through mapped buffers where the plan has them, which nobody waits for', async () => {
    const { losses } = smallReference(8);
    for (const bytes of [64, 16, 4096]) {
      const { view, take } = counted();
      const session = await load(withUploads(bytes), { device: view });
      expect(session.allocatedBytes).toBe(withUploads(bytes).memory.deviceBytes);
      for (const [run, wanted] of losses.entries()) {
        take();
        const { loss } = await session.run('train', SMALL_INPUTS);
        expect(loss[0]).toBeCloseTo(wanted, 4);
        if (run > 0) expect(take()).toMatchObject({ createCommandEncoder: 1, submit: 1 });
      }
      // As many as there are, without waiting: what finds no buffer mapped goes up without one.
      const runs = Array.from({ length: 20 }, (_, k) =>
        session.run('predict', { x: new Float32Array(12).fill(k) }),
      );
      const values = (await Promise.all(runs)).map(({ y }) => y[0]);
      values.forEach((value, k) => {
        expect(value).toBeCloseTo(k * values[1], 3);
      });
      session.destroy();
    }
  });

  test('that is refused leaves nothing to the next', async () => {
    const session = await load(withUploads(4096), { device, parameters: { weight: [1, 0, 0, 0] } });
    await session.run('predict', { x: new Float32Array(12).fill(3) });
    const gone = device.createBuffer({ size: 12, usage: 4 });
    gone.destroy();
    const x = new Float32Array(12).fill(5);
    expect((await errorOf(() => session.run('train', { x, y: gone }))).code).toBe('invalid-buffer');
    expect((await session.run('predict', { x: new Float32Array(12).fill(3) })).y[0]).toBe(3);
    session.destroy();
  });

  /** The plan with two buffers for inputs. */
  function withUploads(bytes: number): Plan {
    const plan = smallPlan();
    const { deviceBytes, stagingBytes } = plan.memory;
    const memory = {
      ...plan.memory,
      ...{ deviceBytes: deviceBytes + 2 * bytes, stagingBytes: stagingBytes + 2 * bytes },
    };
    return { ...plan, memory, uploads: { buffers: 2, bytes } };
  }
});

describe('kernels', () => {
  test('of equal code are compiled once, and only those of the program that runs', async () => {
    const plan = smallPlan();
    const twin = { ...plan.kernels[1], name: 'twin' };
    const steps = plan.programs.train.steps.map((step, s) =>
      s === 1 ? { ...step, kernel: plan.kernels.length } : step,
    );
    const twins = {
      ...plan,
      kernels: [...plan.kernels, twin],
      programs: {
        predict: plan.programs.predict,
        train: {
          ...plan.programs.train,
          steps: [...steps.slice(0, 1), plan.programs.train.steps[1], ...steps.slice(2)],
        },
      },
    };
    const { view, take } = counted();
    const session = await load(twins, { device: view });
    expect(take().createShaderModule).toBeUndefined();
    await session.run('predict', { x: SMALL_INPUTS.x });
    expect(take()).toMatchObject({ createShaderModule: 1, createComputePipelineAsync: 1 });
    await session.run('train', SMALL_INPUTS);
    expect(take()).toMatchObject({ createShaderModule: 4, createComputePipelineAsync: 4 });
    session.destroy();
  });

  test('are compiled by load for the programs that it is to make ready, and it says how far it is', async () => {
    const seen: LoadProgress[] = [];
    const onProgress = (progress: LoadProgress) => {
      seen.push(progress);
      throw new Error('of the caller');
    };
    const { view, take } = counted();
    const session = await load(smallPlan(), { device: view, programs: ['train'], onProgress });
    expect(seen).toEqual(
      [1, 2, 3, 4, 5].map((compiled) => ({ program: 'train', kernels: 5, compiled })),
    );
    take();
    await session.run('train', SMALL_INPUTS);
    expect(take().createShaderModule).toBeUndefined();
    session.destroy();
    const error = await errorOf(() => load(smallPlan(), { device, programs: ['eval'] }));
    expect(error.message).toBe(
      "plan 'regression' has no program 'eval'; it has 'train', 'predict'",
    );
  });

  test('that do not compile say which, where in the model, and what the driver says of which line', async () => {
    const plan = smallPlan();
    const broken = {
      ...plan,
      frames: [
        { file: 'model.ts', line: 3, column: 5 },
        { file: 'node_modules/blocks.ts', line: 12, column: 9, from: 0 },
      ],
      sources: [{ frame: 1, scope: 'encoder.linear1' }],
      kernels: plan.kernels.map((kernel) =>
        kernel.name === 'difference'
          ? {
              ...kernel,
              wgsl: kernel.wgsl!.replace(/let local = .*;/, 'let local = vec2<i32>(1.5);'),
            }
          : kernel,
      ),
      programs: {
        ...plan.programs,
        train: {
          ...plan.programs.train,
          steps: plan.programs.train.steps.map((step) => ({ ...step, source: 0 })),
        },
      },
    };
    const error = await errorOf(() => load(broken, { device, programs: 'all' }));
    expect(error.code).toBe('kernel-rejected');
    expect(error.message).toMatch(
      /^the device refuses kernel 'difference', made for node_modules\/blocks\.ts\(12,9\) from model\.ts\(3,5\) in 'encoder\.linear1': .+ \(line \d+, column \d+: let local = vec2<i32>\(1\.5\);\)$/,
    );
    const lazy = await load(broken, { device });
    await lazy.run('predict', { x: SMALL_INPUTS.x });
    expect((await errorOf(() => lazy.run('train', SMALL_INPUTS))).code).toBe('kernel-rejected');
    lazy.destroy();
  });
});
