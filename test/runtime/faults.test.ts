import { describe, expect, test } from 'vitest';
import type { Plan, Target } from '../../ir/plan.ts';
import { type LoadOptions, load, type Session } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testDevice, testGpu } from '../support/gpu.ts';
import { diskFull, type Fault, faultyStore, newFault } from '../support/host-stores.ts';
import { randomInputs } from '../support/reference.ts';
import { SMALL_INPUTS, smallPlan, smallWasmPlan } from '../support/small-plan.ts';
import { type SwapDraw, swappedPlan, swappedWasm } from '../support/swapped-plan.ts';

// Whatever fails in a run, at whatever transfer: the run has no effect, and can be tried again.

const EVERYTHING: SwapDraw = {
  ...{ seed: 11, hosted: 10, swapped: 10, recomputed: 3, tiers: ['memory', 'file'] },
  staging: { buffers: 2, bytes: 32 },
};
async function open(target: Target, fault: Fault): Promise<Session> {
  const openStore = (_: unknown, bytes: number) => faultyStore(bytes, fault);
  const options: LoadOptions = { openStore, parameters: { weight: [1, 2, 3, 4] } };
  if (target === 'webgpu')
    return load(swappedPlan(smallPlan(), EVERYTHING), { ...options, device: await testDevice() });
  const { plan, module } = await swappedWasm((await smallWasmPlan()).plan, EVERYTHING);
  return load(plan, { ...options, module });
}

const train = (session: Session, step: number) =>
  session.run('train', randomInputs(session.plan, 'train', { classes: 4, step, seed: 5 }));

describe.each(['wasm', 'webgpu'] as const)('a store that fails on %s', (target) => {
  test('at any operation of a run leaves everything as it was', async () => {
    const fault = newFault();
    const session = await open(target, fault);
    const steady = await open(target, newFault());
    let step = 0;
    const tried = { failed: 0, done: false };
    for (; !tried.done; step++) {
      const before = await session.saveCheckpoint();
      Object.assign(fault, { seen: 0, at: tried.failed, action: diskFull });
      try {
        await train(session, step);
        tried.done = true;
      } catch (error) {
        tried.failed++;
        expect(error).toMatchObject({
          code: 'swap-failed',
          message: expect.stringMatching(/on the host: no space left on device; nothing/),
        });
      }
      fault.at = Number.POSITIVE_INFINITY;
      const wanted = await train(steady, step);
      if (!tried.done) {
        expect(await session.saveCheckpoint()).toEqual(before);
        expect(await train(session, step)).toEqual(wanted);
      }
      expect(await session.readParameters()).toEqual(await steady.readParameters());
    }
    expect(tried.failed).toBeGreaterThan(10);
    expect(await session.saveCheckpoint()).toEqual(await steady.saveCheckpoint());
    session.destroy();
    steady.destroy();
  });

  test('when a checkpoint is loaded leaves the state as it was', async () => {
    const fault = newFault();
    const session = await open(target, fault);
    await train(session, 0);
    const before = await session.readParameters();
    const saved = await session.saveCheckpoint();
    await train(session, 1);
    const after = await session.saveCheckpoint();
    Object.assign(fault, { seen: 0, at: 1, action: diskFull });
    expect((await errorOf(() => session.loadCheckpoint(saved))).code).toBe('swap-failed');
    fault.at = Number.POSITIVE_INFINITY;
    expect(await session.saveCheckpoint()).toEqual(after);
    await session.loadCheckpoint(saved);
    expect(await session.readParameters()).toEqual(before);
    session.destroy();
  });

  test('while the plan is loaded is an error of load', async () => {
    const fault = { ...newFault(), at: 0, action: diskFull };
    expect((await errorOf(() => open(target, fault))).code).toBe('swap-failed');
  });
});

describe('a lost device', () => {
  const small = smallPlan();
  const load1 = async (plan: Plan, options: LoadOptions) => {
    const adapter = (await (await testGpu()).requestAdapter())!;
    const device = await adapter.requestDevice();
    const session = await load(plan, { ...options, device });
    for (let run = 0; run < 2; run++) await session.run('train', SMALL_INPUTS);
    return { session, device, saved: await session.saveCheckpoint() };
  };
  const expectLost = async (session: Session, saved: Uint8Array) => {
    const error = await errorOf(() => session.run('train', SMALL_INPUTS));
    expect(error.code).toBe('device-lost');
    expect(error.message).toContain('what saveCheckpoint gives');
    expect(await session.saveCheckpoint()).toEqual(saved);
    expect(Object.keys(await session.readParameters())).toEqual(['weight']);
    expect((await errorOf(() => session.writeParameters({ weight: [0, 0, 0, 0] }))).code).toBe(
      'device-lost',
    );
    session.destroy();
  };

  test('leaves the snapshot of the last finished run', async () => {
    const { session, device, saved } = await load1(small, { snapshots: true });
    expect(session.hostBytes).toBe(64);
    device.destroy();
    await device.lost;
    await expectLost(session, saved);
  });

  test('in the middle of a run leaves the state before it', async () => {
    const plan = swappedPlan(small, { ...EVERYTHING, seed: 2 });
    for (let at = 0; at < 4; at++) {
      const fault = newFault();
      const openStore = (_: unknown, bytes: number) => faultyStore(bytes, fault);
      const { session, device, saved } = await load1(plan, { openStore });
      Object.assign(fault, { seen: 0, at: 2 * at, action: () => device.destroy() });
      expect((await errorOf(() => session.run('train', SMALL_INPUTS))).code).toBe('device-lost');
      await expectLost(session, saved);
    }
  });

  test('without snapshots says how to have them', async () => {
    const { session, device } = await load1(small, {});
    device.destroy();
    await device.lost;
    const error = await errorOf(() => session.readParameters());
    expect(error.message).toContain("with the option 'snapshots'");
    session.destroy();
  });

  // Of each kind of run: a plan that swaps, one that is one submit, one of a traced session.
  const doomed: Record<string, [Plan, LoadOptions]> = {
    'that swaps': [swappedPlan(small, { ...EVERYTHING, seed: 2 }), {}],
    'that is one submit': [small, {}],
    'with snapshots': [small, { snapshots: true }],
    'that is traced': [small, { trace: true }],
  };
  test.each(Object.keys(doomed))(
    'of a plan %s is told as that at calls of the device, also when it says so late',
    async (kind) => {
      const [plan, options] = doomed[kind];
      for (let at = Object.keys(doomed).indexOf(kind) % 3; ; at += 3) {
        const device = await dyingDevice(at);
        const told = await everyCall(plan, { ...options, device });
        if (!device.isDead()) break;
        expect([at, told]).toEqual([at, 'device-lost']);
      }
    },
    60_000,
  );
});

/** Loads, runs, reads and saves; the code of what fails first. */
async function everyCall(plan: Plan, options: LoadOptions): Promise<string | null> {
  let session: Session | null = null;
  try {
    session = await load(plan, { ...options, parameters: { weight: [1, 2, 3, 4] } });
    for (const step of [0, 1]) await train(session, step);
    await session.run('train', SMALL_INPUTS, { read: false });
    await session.readParameters();
    await session.saveCheckpoint();
    await train(session, 3);
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    session?.destroy();
  }
}

/** A device that is destroyed at its call number `at`, and whose `lost` settles later than all that fails by it. */
async function dyingDevice(at: number): Promise<GPUDevice & { isDead(): boolean }> {
  const adapter = (await (await testGpu()).requestAdapter())!;
  const device = await adapter.requestDevice();
  const lost = device.lost.then(async (info) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return info;
  });
  let calls = 0;
  const counted = <T extends object>(target: T, more: object): T =>
    new Proxy(target, {
      get(_, key) {
        if (key in more) return more[key as keyof typeof more];
        const value = Reflect.get(target, key, target);
        if (typeof value !== 'function' || key === 'destroy') return value;
        return (...args: unknown[]) => {
          if (calls++ === at) device.destroy();
          return value.apply(target, args);
        };
      },
    });
  const queue = counted(device.queue, {});
  return counted(device, { lost, queue, isDead: () => calls > at }) as never;
}
