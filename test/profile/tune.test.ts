import { beforeAll, expect, test } from 'vitest';
import {
  parseVariant,
  variantsOf,
  variantText,
  variantWork,
} from '../../compiler/codegen/gpu/index.ts';
import { kernelSignature } from '../../compiler/codegen/signature.ts';
import {
  compile,
  crossEntropy,
  defineModel,
  linear,
  relu,
  sgd,
  tensor,
} from '../../compiler/index.ts';
import { checkProfile } from '../../compiler/profile/check.ts';
import type { DeviceProfile } from '../../compiler/profile/profile.ts';
import { workSeconds } from '../../compiler/profile/seconds.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import type { OpenSession } from '../../compiler/profile/timing.ts';
import { tuneKernels, withTuned } from '../../compiler/profile/tune.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import type { Plan } from '../../ir/plan.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';

const limits = WEBGPU_DEFAULT_LIMITS;
const model = () =>
  defineModel({
    name: 'tuned',
    inputs: { x: tensor([32, 64]), label: tensor([32], 'i32') },
    build: ({ x }) => ({ logits: linear(48, 8)(relu(linear(64, 48)(x))) }),
    train: {
      loss: ({ logits }, { label }) => crossEntropy(logits, label),
      optimizer: sgd({ learningRate: 0.1 }),
    },
  });

/** A device on paper that is like `truth`, whatever the profile in use says, and counts what it is asked to run. */
function paperDevice(truth: DeviceProfile) {
  let milliseconds = 0;
  let opened = 0;
  const open: OpenSession = async ({ kernels, programs }) => {
    opened++;
    const seconds = kernels.map(({ text, variant }) => {
      const kernel = parseKernel(text);
      const work = variantWork(kernel, parseVariant(variant!)!, limits);
      return truth.dispatchSeconds + workSeconds(kernel, work, truth);
    });
    return {
      async run(program) {
        for (const { kernel } of programs[program].steps) milliseconds += 1000 * seconds[kernel];
        return {};
      },
      readParameters: async () => ({}),
      writeParameters: async () => {},
      destroy() {},
    };
  };
  return { open, now: () => milliseconds, opened: () => opened };
}

let plan: Plan;
beforeAll(async () => {
  plan = (await compile(model(), { target: 'webgpu' })).plan!;
});

test('the variants that a device is fastest with are found, and builds take them', async () => {
  const device = paperDevice(SHIPPED_PROFILES.swiftshader);
  const { h100 } = SHIPPED_PROFILES;
  const found = await tuneKernels({
    ...{ plan, profile: h100, seconds: 1e9 },
    bench: { target: 'webgpu', limits, ...device },
  });
  expect(found.left).toBe(0);
  expect(found.tunedSeconds).toBeLessThan(found.untunedSeconds);
  const profile = withTuned(h100, found.kernels);
  expect(checkProfile(profile, 'tuned.json')).toEqual([]);
  const built = (await compile(model(), { target: 'webgpu', profile })).plan!;
  const wanted = new Map(found.kernels.map(({ name, variant }) => [name, variant]));
  expect(wanted.size).toBeGreaterThan(3);
  const changed = built.kernels.filter(
    ({ name, variant }, k) => wanted.get(name) === variant && variant !== plan.kernels[k]?.variant,
  );
  expect(changed.length).toBeGreaterThan(0);
  for (const { variant } of found.kernels) expect(parseVariant(variant)).not.toBeNull();
});

test('what there is no time for is left, and what was found before stays', async () => {
  const device = paperDevice(SHIPPED_PROFILES.swiftshader);
  const { kernels, left } = await tuneKernels({
    ...{ plan, profile: SHIPPED_PROFILES.h100, seconds: 1e-9 },
    bench: { target: 'webgpu', limits, ...device },
  });
  expect(kernels).toEqual([]);
  expect(left).toBeGreaterThan(0);
  const before = { signature: '0'.repeat(16), name: 'other', variant: 'points 1 of 64' };
  const known = withTuned(SHIPPED_PROFILES.h100, [{ ...before, seconds: 1, untunedSeconds: 2 }]);
  const again = { signature: '1'.repeat(16), name: 'this', variant: 'points 4 of 64' };
  const both = withTuned(known, [{ ...again, seconds: 1, untunedSeconds: 2 }]);
  expect(both.kernels).toHaveLength(2);
});

test('a variant that the device refuses is none, and the others are measured', async () => {
  const device = paperDevice(SHIPPED_PROFILES.swiftshader);
  const profile = SHIPPED_PROFILES.h100;
  const open: OpenSession = (made, module) => {
    if (made.kernels.some(({ variant }) => variant?.startsWith('tiles')))
      throw Object.assign(new Error('no'), { code: 'kernel-rejected' });
    return device.open(made, module);
  };
  const bench = { target: 'webgpu', limits, ...device, open } as const;
  const found: string[][] = [];
  const { kernels, refused } = await tuneKernels({
    ...{ plan, profile, seconds: 1e9, bench },
    onFound: (kernels) => found.push(kernels.map(({ name }) => name)),
  });
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.every(({ variant }) => variant.startsWith('tiles'))).toBe(true);
  expect(kernels.some(({ variant }) => variant.startsWith('registers'))).toBe(true);
  expect(kernels.every(({ variant }) => !variant.startsWith('tiles'))).toBe(true);
  expect(checkProfile(withTuned(profile, kernels), 'tuned.json')).toEqual([]);
  expect(found.at(-1)).toEqual(kernels.map(({ name }) => name));
  expect(found.map(({ length }) => length)).toEqual(kernels.map((_, k) => k + 1));
  const lost: OpenSession = async () => {
    throw Object.assign(new Error('gone'), { code: 'device-lost' });
  };
  await expect(
    tuneKernels({ plan, profile, seconds: 1e9, bench: { ...bench, open: lost } }),
  ).rejects.toThrow('gone');
});

test('a variant that a kernel cannot have is passed over', async () => {
  const { plan: single } = await compile(model(), { target: 'webgpu', dispatches: 'single' });
  const kernel = single!.kernels
    .map(({ text }) => parseKernel(text))
    .find((one) => variantsOf(one, limits).every(({ form }) => form !== 'tiles'))!;
  const all = variantsOf(kernel, limits).map(variantText);
  expect(all).not.toContain('tiles 128x128x8 of 8x8, 1 slices, 1 buffers');
  const profile: DeviceProfile = {
    ...SHIPPED_PROFILES.h100,
    kernels: [
      {
        ...{ signature: kernelSignature(kernel), name: 'points', seconds: 1, untunedSeconds: 2 },
        variant: 'tiles 128x128x8 of 8x8, 1 slices, 1 buffers',
      },
    ],
  };
  const { plan: same } = await compile(model(), {
    ...{ target: 'webgpu', profile, dispatches: 'single' },
  });
  expect(same!.kernels.map(({ variant }) => variant)).toEqual(
    single!.kernels.map(({ variant }) => variant),
  );
});
