import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoadOptions, load, type Session } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testDevice, testGpu } from '../support/gpu.ts';
import { SMALL_INPUTS, smallPlan, smallReference, smallWasmPlan } from '../support/small-plan.ts';
import { type SwapDraw, swappedPlan } from '../support/swapped-plan.ts';

const USAGE = { COPY_SRC: 4, COPY_DST: 8, STORAGE: 0x80, MAP_READ: 1 };
const { COPY_SRC, COPY_DST, STORAGE, MAP_READ } = USAGE;
const SWAPS: SwapDraw = {
  ...{ seed: 1, hosted: 5, swapped: 10, recomputed: 10, tiers: ['memory', 'file'] },
  staging: { buffers: 3, bytes: 32 },
};
const X = Float32Array.from(SMALL_INPUTS.x.flat());
const Y = Float32Array.from(SMALL_INPUTS.y);

let device: GPUDevice;
let session: Session;
beforeAll(async () => {
  device = await testDevice();
  session = await load(smallPlan(), { device });
});
afterAll(() => session.destroy());

/** A buffer of `on` with `values` from byte `offset` on. */
function bufferOf(values: Float32Array, offset = 0, usage = COPY_SRC | COPY_DST, on = device) {
  const buffer = on.createBuffer({ size: offset + values.byteLength, usage });
  if (usage & COPY_DST) on.queue.writeBuffer(buffer, offset, values);
  return buffer;
}

async function contents(buffer: GPUBuffer, offset = 0, size = buffer.size): Promise<number[]> {
  const staging = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const values = [...new Float32Array(staging.getMappedRange())];
  staging.destroy();
  return values;
}

describe('inputs in buffers of the device', () => {
  test.each([
    ['', smallPlan(), {}],
    [' of a plan that swaps', swappedPlan(smallPlan(), SWAPS), {}],
    [' with snapshots', smallPlan(), { snapshots: true }],
    [' of a traced session', smallPlan(), { trace: true }],
  ] as [string, ReturnType<typeof smallPlan>, LoadOptions][])(
    'are those of arrays, from an offset and whole%s',
    async (_, plan, options) => {
      const own = await load(plan, { device, ...options });
      const { losses } = smallReference(4);
      const x = bufferOf(X);
      const y = bufferOf(Y, 512);
      for (const wanted of losses) {
        const { loss } = await own.run('train', { x, y: { buffer: y, offset: 512, size: 12 } });
        expect(loss[0]).toBeCloseTo(wanted, 4);
      }
      own.destroy();
    },
  );

  test('are those of the run, whatever the host writes behind it', async () => {
    const one = await load(smallPlan(), {
      device,
      parameters: { weight: [1, 1, 1, 1] },
      missing: 'initial',
    });
    const x = bufferOf(new Float32Array(12).fill(1));
    const first = one.run('predict', { x });
    const second = one.run('predict', { x: new Float32Array(12).fill(2) });
    const third = one.run('predict', { x });
    expect((await Promise.all([first, second, third])).map(({ y }) => y[0])).toEqual([4, 8, 4]);
    one.destroy();
  });

  const foreign = async () =>
    bufferOf(
      X,
      0,
      COPY_SRC | COPY_DST,
      await (await (await testGpu()).requestAdapter())!.requestDevice(),
    );
  const destroyed = () => {
    const buffer = bufferOf(X);
    buffer.destroy();
    return buffer;
  };
  test.each<[string, () => unknown, string]>([
    ['too small', () => bufferOf(new Float32Array(8)), 'has 32 bytes, but the tensor has 48'],
    [
      'too small from its offset on',
      () => ({ buffer: bufferOf(X), offset: 16 }),
      'has 48 bytes, from 16 on 32, but the tensor has 48',
    ],
    ['of another size', () => ({ buffer: bufferOf(X), size: 44 }), 'is used with size 44'],
    ['at an odd offset', () => ({ buffer: bufferOf(X, 64), offset: 2 }), 'multiple of 4'],
    ['without its usage', () => bufferOf(X, 0, COPY_DST | STORAGE), 'GPUBufferUsage.COPY_SRC'],
    [
      'mapped',
      () => device.createBuffer({ size: 48, usage: COPY_SRC, mappedAtCreation: true }),
      'is mapped; unmap it first',
    ],
    ['of another device', foreign, 'it must be of the session'],
    ['destroyed', destroyed, 'neither destroyed nor mapped'],
  ])('that are %s are a coded error, and nothing has run', async (_, given, message) => {
    const before = await session.saveCheckpoint();
    const error = await errorOf(async () =>
      session.run('train', { x: (await given()) as never, y: Y }),
    );
    expect(error.code).toBe('invalid-buffer');
    expect(error.message).toContain(message);
    expect(await session.saveCheckpoint()).toEqual(before);
  });

  test('that are destroyed after their first use are an error of that run', async () => {
    const own = await load(smallPlan(), { device });
    const x = bufferOf(X);
    await own.run('predict', { x });
    await own.run('predict', { x });
    x.destroy();
    const before = await own.saveCheckpoint();
    expect((await errorOf(() => own.run('predict', { x }))).code).toBe('invalid-buffer');
    // The run is not counted: steps behind it have the numbers that they would have without it.
    expect(await own.saveCheckpoint()).toEqual(before);
    expect((await own.run('predict', { x: X })).y).toHaveLength(3);
    own.destroy();
  });

  test('cannot count runs', async () => {
    const step = bufferOf(Float32Array.of(1));
    const error = await errorOf(() => session.run('train', { ...SMALL_INPUTS, step }));
    expect(error.message).toContain("input 'step' of program 'train' counts the runs");
  });
});

describe('outputs', () => {
  const weights = { weight: [1, 0, 0, 2], momentum: [0, 0, 0, 0] };
  const wanted = [9, 2, 4.5];

  test('go into buffers, into arrays, or stay on the device', async () => {
    await session.writeParameters(weights);
    for (let time = 0; time < 2; time++) {
      const buffer = bufferOf(new Float32Array(3), 16);
      const into = { y: { buffer, offset: 16 } };
      expect((await session.run('predict', { x: X }, { into })).y).toEqual({
        buffer,
        offset: 16,
        size: 12,
      });
      expect(await contents(buffer)).toEqual([0, 0, 0, 0, ...wanted]);
      const array = new Float32Array(3);
      const given = await session.run('predict', { x: X }, { into: { y: array } });
      expect(given.y).toBe(array);
      expect([...array]).toEqual(wanted);
      const { y } = await session.run('predict', { x: X }, { read: false, into: { y: 'device' } });
      expect(await contents(y.buffer, y.offset, y.size)).toEqual(wanted);
    }
  });

  test('that are placed are given beside those that are read', async () => {
    const loss = new Float32Array(1);
    expect(
      Object.keys(await session.run('train', SMALL_INPUTS, { into: { loss } })).sort(),
    ).toEqual(['finished', 'loss']);
    expect(
      Object.keys(
        await session.run('train', SMALL_INPUTS, { read: ['finished'], into: { loss } }),
      ).sort(),
    ).toEqual(['finished', 'loss']);
    expect(
      Object.keys(await session.run('train', SMALL_INPUTS, { read: false, into: { loss } })),
    ).toEqual(['loss']);
  });

  test.each<[string, () => unknown, string, string]>([
    ['an array of another dtype', () => new Int32Array(3), 'invalid-input', 'use Float32Array'],
    ['an array of another length', () => new Float32Array(4), 'invalid-input', "'into' is [4]"],
    ['a number', () => 3, 'invalid-input', "goes into a typed array, a GPUBuffer or 'device'"],
    ['a buffer without COPY_DST', () => bufferOf(Y, 0, COPY_SRC), 'invalid-buffer', 'COPY_DST'],
    ['a buffer that is too small', () => bufferOf(new Float32Array(2)), 'invalid-buffer', 'has 8'],
  ])('do not go into %s', async (_, place, code, message) => {
    const error = await errorOf(() =>
      session.run('predict', { x: X }, { into: { y: place() as never } }),
    );
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  test('do not share bytes', async () => {
    const bytes = new ArrayBuffer(8);
    const loss = new Float32Array(bytes, 0, 1);
    const finished = (from: number) => new Int32Array(bytes, from, 1);
    const buffer = bufferOf(new Float32Array(2));
    for (const [into, code] of [
      [{ loss, finished: finished(0) }, 'invalid-input'],
      [{ loss: { buffer, offset: 4 }, finished: { buffer, offset: 4 } }, 'invalid-buffer'],
    ] as const) {
      const error = await errorOf(() => session.run('train', SMALL_INPUTS, { into }));
      expect(error.code).toBe(code);
      expect(error.message).toContain('go into the same bytes');
    }
    await session.run('train', SMALL_INPUTS, { into: { loss, finished: finished(4) } });
    expect(loss[0]).toBeGreaterThan(0);
    await session.run('train', SMALL_INPUTS, {
      into: { loss: { buffer }, finished: { buffer, offset: 4 } },
    });
    expect((await contents(buffer))[0]).toBeGreaterThan(0);
  });

  test("do not come from, or go to, the session's own memory", async () => {
    const { y } = await session.run('predict', { x: X }, { into: { y: 'device' } });
    const given = { buffer: y.buffer, offset: y.offset };
    const error = await errorOf(() => session.run('train', { x: X, y: given }));
    expect(error.code).toBe('invalid-buffer');
    expect(error.message).toContain("the session's own memory");
  });
});

test('on WebAssembly arrays are filled, and buffers are refused', async () => {
  const { plan, module } = await smallWasmPlan();
  const wasm = await load(plan, { module });
  await wasm.writeParameters({ weight: [1, 0, 0, 2] });
  const array = new Float32Array(3);
  expect((await wasm.run('predict', { x: X }, { into: { y: array } })).y).toBe(array);
  expect([...array]).toEqual([9, 2, 4.5]);
  const buffer = bufferOf(X);
  for (const call of [
    () => wasm.run('predict', { x: buffer }),
    () => wasm.run('predict', { x: X }, { into: { y: buffer } }),
    () => wasm.run('predict', { x: X }, { into: { y: 'device' } }),
  ]) {
    const error = await errorOf(call);
    expect(error.code).toBe('no-device-memory');
    expect(error.message).toContain("use load with target 'webgpu'");
  }
  wasm.destroy();
});
