import { describe, expect, test } from 'vitest';
import { compile, defineModel, relu, tensor } from '../../compiler/index.ts';
import { measureUploads } from '../../compiler/profile/measure-uploads.ts';
import type { DeviceProfile } from '../../compiler/profile/profile.ts';
import { profileOf } from '../../compiler/profile/shipped.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { testDevice } from '../support/gpu.ts';

const model = (elements: number) =>
  defineModel({
    name: 'up',
    inputs: { x: tensor([elements]) },
    build: ({ x }) => ({ y: relu(x) }),
  });
const profile = (mappedBytesPerSecond: number): DeviceProfile => ({
  ...profileOf('h100')!,
  uploads: { writeBytesPerSecond: 1e9, mappedBytesPerSecond },
});
const planOf = async (elements: number, faster: number, budgetBytes?: number) => {
  const options = { target: 'webgpu', profile: profile(faster) } as const;
  const budget = budgetBytes === undefined ? {} : { budgetBytes };
  const { plan } = await compile(model(elements), { ...options, ...budget });
  return plan!;
};
const LARGE = 100_000;

describe('buffers for inputs', () => {
  test('are in plans where the profile says that they are faster, and in the totals', async () => {
    const slow = await planOf(LARGE, 5e8);
    const fast = await planOf(LARGE, 5e9);
    expect(slow.uploads).toBeUndefined();
    expect(fast.uploads).toEqual({ buffers: 2, bytes: 4 * LARGE });
    expect(fast.memory.deviceBytes).toBe(slow.memory.deviceBytes + 8 * LARGE);
    expect(verifyPlan(fast)).toEqual([]);
    expect(verifyPlan({ ...fast, uploads: { buffers: 3, bytes: 4 * LARGE } })[0]).toContain(
      'stagingBytes',
    );
    expect((await planOf(100, 5e9)).uploads).toBeUndefined();
  });

  test('are left out of a budget that has no room for them', async () => {
    const { deviceBytes } = (await planOf(LARGE, 5e9)).memory;
    expect((await planOf(LARGE, 5e9, deviceBytes)).uploads).toBeDefined();
    const tight = await planOf(LARGE, 5e9, deviceBytes - 1);
    expect(tight.uploads).toBeUndefined();
    expect(tight.memory.deviceBytes).toBeLessThan(deviceBytes);
  });
});

test('both ways of uploading are measured', async () => {
  const { writeBytesPerSecond, mappedBytesPerSecond } = await measureUploads(await testDevice());
  for (const rate of [writeBytesPerSecond, mappedBytesPerSecond]) {
    expect(rate).toBeGreaterThan(1e7);
    expect(rate).toBeLessThan(1e13);
  }
});
