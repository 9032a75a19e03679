import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Plan } from '../../ir/plan.ts';
import { load, type Session } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testDevice, testGpu } from '../support/gpu.ts';
import { SMALL_INPUTS, smallPlan, smallReference } from '../support/small-plan.ts';
import { type SwapDraw, swappedPlan } from '../support/swapped-plan.ts';

const plan = smallPlan();
const SWAPS: SwapDraw = {
  ...{ seed: 1, hosted: 5, swapped: 10, recomputed: 10, tiers: ['memory', 'file'] },
  staging: { buffers: 3, bytes: 32 },
};
let device: GPUDevice;
let session: Session;

beforeAll(async () => {
  device = await testDevice();
  session = await load(plan, { device });
});
afterAll(() => session.destroy());
beforeEach(() =>
  session.writeParameters({ weight: new Float32Array(4), momentum: new Float32Array(4) }),
);

const close = (given: ArrayLike<number>, wanted: readonly number[]) => {
  expect(given.length).toBe(wanted.length);
  wanted.forEach((value, i) => {
    expect(given[i]).toBeCloseTo(value, 4);
  });
};

describe('run', () => {
  test('trains as the same arithmetic in JavaScript does', async () => {
    const { losses, weight } = smallReference(5);
    const given: number[] = [];
    for (let run = 0; run < 5; run++) {
      const { loss } = await session.run('train', SMALL_INPUTS);
      given.push(loss[0]);
    }
    close(given, losses);
    close((await session.readParameters()).weight, weight);
  });

  test('programs share the parameters', async () => {
    await session.writeParameters({ weight: [1, 0, 0, 2] });
    const { y } = await session.run('predict', { x: SMALL_INPUTS.x.flat() });
    expect([...y]).toEqual([9, 2, 4.5]);
    expect(y).toBeInstanceOf(Float32Array);
  });

  test('overlapping calls take effect in order, with the inputs of the time of the call', async () => {
    const x = new Float32Array(12).fill(1);
    const first = session.run('predict', { x });
    const write = session.writeParameters({ weight: [1, 1, 1, 1] });
    const second = session.run('predict', { x });
    x.fill(100);
    const third = session.run('predict', { x });
    await write;
    expect((await first).y[0]).toBe(0);
    expect((await second).y[0]).toBe(4);
    expect((await third).y[0]).toBe(400);
  });

  test('reads only the outputs asked for', async () => {
    const some = await session.run('train', SMALL_INPUTS, { read: ['finished'] });
    expect(Object.keys(some)).toEqual(['finished']);
    expect(some.finished).toBeInstanceOf(Int32Array);
    expect(await session.run('train', SMALL_INPUTS, { read: false })).toEqual({});
  });

  test('many runs without reading are as many steps', async () => {
    const runs = 70;
    for (let run = 0; run < runs; run++) {
      void session.run('train', { ...SMALL_INPUTS, learningRate: 0 }, { read: false });
    }
    const before = await session.run('train', { ...SMALL_INPUTS, learningRate: 0 });
    const after = await session.run('train', { ...SMALL_INPUTS, learningRate: 0 });
    expect(after.finished[0] - before.finished[0]).toBe(1);
    expect(before.finished[0]).toBeGreaterThanOrEqual(runs);
  });

  test('a default and the counter give way to values of the caller', async () => {
    const { finished } = await session.run('train', { ...SMALL_INPUTS, step: 77, learningRate: 0 });
    expect(finished[0]).toBe(77);
    expect([...(await session.readParameters()).weight]).toEqual([0, 0, 0, 0]);
  });
});

describe('inputs that do not fit', () => {
  const cases: [string, Record<string, unknown>, string][] = [
    ['a missing input', { y: [1, 2, 3] }, "input 'x' of program 'train' is missing"],
    [
      'an unknown input',
      { ...SMALL_INPUTS, z: 1 },
      "program 'train' has no input 'z'; it has 'x', 'y', 'learningRate', 'step'",
    ],
    [
      'a flat array of another length',
      { ...SMALL_INPUTS, x: new Float32Array(11) },
      "input 'x' of program 'train' is f32[3,4], but [11] (it has 12 elements) was given",
    ],
    [
      'nested arrays of another shape',
      {
        ...SMALL_INPUTS,
        x: [
          [1, 2, 3, 4, 5, 6],
          [1, 2, 3, 4, 5, 6],
        ],
      },
      "input 'x' of program 'train' is f32[3,4], but [2,6] was given",
    ],
    [
      'rows of different lengths',
      { ...SMALL_INPUTS, x: [[1, 2, 3, 4], [1, 2, 3], [1]] },
      "input 'x' of program 'train' is f32[3,4], but an array whose row [1] has length 3 and row [0] 4 was given",
    ],
    [
      'another dtype',
      { ...SMALL_INPUTS, y: new Int32Array(3) },
      "input 'y' of program 'train' is f32[3], but a Int32Array (use Float32Array) was given",
    ],
    [
      'a number for an array',
      { ...SMALL_INPUTS, y: 3 },
      "input 'y' of program 'train' is f32[3], but a single number was given",
    ],
    [
      'a fraction for i32',
      { ...SMALL_INPUTS, step: 1.5 },
      "input 'step' of program 'train' is i32, but element 0 is 1.5",
    ],
    [
      'text',
      { ...SMALL_INPUTS, y: ['a', 2, 3] },
      "input 'y' of program 'train' is f32, but element 0 is string",
    ],
    [
      'an object',
      { ...SMALL_INPUTS, y: {} },
      "input 'y' of program 'train' is f32[3], but object was given",
    ],
  ];
  test.each(cases)('%s', async (_, inputs, message) => {
    const error = await errorOf(() => session.run('train', inputs as never));
    expect(error.message).toBe(message);
  });

  test('unknown programs, outputs and parameters', async () => {
    expect((await errorOf(() => session.run('fit'))).message).toBe(
      "plan 'regression' has no program 'fit'; it has 'train', 'predict'",
    );
    const read = { read: ['accuracy'] };
    expect((await errorOf(() => session.run('train', SMALL_INPUTS, read))).message).toBe(
      "program 'train' has no output 'accuracy'; it has 'loss', 'finished'",
    );
    expect((await errorOf(() => session.writeParameters({ bias: 1 }))).message).toBe(
      "plan 'regression' has no parameter 'bias'; it has 'weight', 'momentum'",
    );
  });

  test('parameters are written all or none', async () => {
    const bad = { weight: [1, 2, 3, 4], momentum: [1, 2, 3] };
    expect((await errorOf(() => session.writeParameters(bad))).code).toBe('invalid-input');
    expect([...(await session.readParameters()).weight]).toEqual([0, 0, 0, 0]);
  });
});

describe('memory', () => {
  /** The device; `bytes` is what is allocated on it through this view of it. */
  function countingDevice(): { device: GPUDevice; bytes: () => number } {
    let bytes = 0;
    const counting = new Proxy(device, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        if (key === 'createBuffer')
          return (descriptor: GPUBufferDescriptor) => {
            const buffer = target.createBuffer(descriptor);
            const destroy = buffer.destroy.bind(buffer);
            bytes += buffer.size;
            buffer.destroy = () => {
              bytes -= buffer.size;
              destroy();
            };
            return buffer;
          };
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return { device: counting, bytes: () => bytes };
  }

  test.each([
    ['of a plan', plan, false],
    ['with snapshots', plan, true],
    ['of a plan that swaps', swappedPlan(plan, SWAPS), false],
  ])(
    'the buffers %s are the bytes that the plan says, whatever is done',
    async (_, given, snapshots) => {
      const { device, bytes } = countingDevice();
      const counted = await load(given, { device, snapshots });
      const expectExact = () => expect(bytes()).toBe(given.memory.deviceBytes);
      expectExact();
      expect(counted.allocatedBytes).toBe(given.memory.deviceBytes);
      for (const read of [undefined, false, ['loss']] as const) {
        await counted.run('train', SMALL_INPUTS, read === undefined ? {} : { read });
        expectExact();
      }
      await counted.loadCheckpoint(await counted.saveCheckpoint());
      await counted.writeParameters(await counted.readParameters());
      expectExact();
      counted.destroy();
      expect(bytes()).toBe(0);
    },
  );

  test('a limit that the device lacks is named', async () => {
    const small = new Proxy(device, {
      get(target, key) {
        if (key === 'limits')
          return new Proxy(target.limits, {
            get: (all, name) => (name === 'maxBufferSize' ? 100 : Reflect.get(all, name, all)),
          });
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const error = await errorOf(() => load(plan, { device: small }));
    expect(error.code).toBe('limit-too-small');
    expect(error.message).toContain('the plan needs maxBufferSize');
  });
});

describe('ends', () => {
  test('every call after destroy says so', async () => {
    const gone = await load(plan, { device });
    const running = gone.run('train', SMALL_INPUTS);
    gone.destroy();
    gone.destroy();
    const calls = [
      () => running,
      () => gone.run('train', SMALL_INPUTS),
      () => gone.readParameters(),
      () => gone.writeParameters({}),
      () => gone.saveCheckpoint(),
      () => gone.loadCheckpoint(new Uint8Array()),
    ];
    for (const call of calls) {
      const error = await errorOf(call);
      expect(error.message).toBe('the session was destroyed; load the plan again');
    }
  });

  test('a lost device is one clear sentence', async () => {
    const adapter = (await (await testGpu()).requestAdapter())!;
    const doomed = await adapter.requestDevice();
    const lost = await load(plan, { device: doomed });
    await lost.run('train', SMALL_INPUTS);
    const running = lost.run('train', SMALL_INPUTS);
    doomed.destroy();
    expect((await errorOf(() => running)).code).toBe('device-lost');
    await doomed.lost;
    for (const call of [() => lost.run('train', SMALL_INPUTS), () => lost.readParameters()]) {
      const error = await errorOf(call);
      expect(error.code).toBe('device-lost');
      expect(error.message).toMatch(
        /^the GPU device was lost \(.*\); load the plan on a new device/,
      );
    }
    lost.destroy();
  });
});

describe('plans that are refused', () => {
  /** The plan with the field at `path` replaced. */
  const changed = (path: string, value: (old: unknown) => unknown): Plan => {
    const copy = structuredClone(plan);
    const keys = path.split('.');
    const last = keys.pop()!;
    const parent = keys.reduce<Record<string, never>>((object, key) => object[key], copy as never);
    Object.assign(parent, { [last]: value(parent[last]) });
    return copy;
  };
  const cases: [string, string, (old: unknown) => unknown, string, string][] = [
    ['another version', 'version', () => 1, 'invalid-plan', 'version'],
    [
      'a missing field',
      'memory',
      () => ({ budgetBytes: null }),
      'invalid-plan',
      'memory.deviceBytes',
    ],
    ['an offset out of range', 'tensors.0.offset', () => 2 ** 20, 'invalid-plan', 'tensors[0]'],
    ['false totals', 'memory.arenaBytes', () => 4, 'invalid-plan', 'memory.arenaBytes'],
    [
      'code that the device refuses',
      'kernels.1.wgsl',
      () => 'fn nonsense(',
      'kernel-rejected',
      "kernel 'difference'",
    ],
    [
      'code with more bindings than the plan says',
      'kernels.1.wgsl',
      (wgsl) => String(wgsl).replaceAll('binding(0)', 'binding(5)'),
      'kernel-rejected',
      "kernel 'difference'",
    ],
  ];
  test.each(cases)('%s', async (_, path, value, code, field) => {
    const error = await errorOf(() => load(changed(path, value), { device, programs: 'all' }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(field);
  });

  test('a plan for another target than asked for', async () => {
    const error = await errorOf(() => load(plan, { device, target: 'wasm' }));
    expect(error.message).toBe("the plan is refused: it is for target 'webgpu', not 'wasm'");
  });

  test('no device and no browser', async () => {
    expect((await errorOf(() => load(plan))).code).toBe('no-adapter');
  });
});
