import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chooseVariant,
  parseVariant,
  variantText,
  variantWork,
} from '../../compiler/codegen/gpu/index.ts';
import {
  benchmarkPlan,
  DONE,
  programName,
  REPEATS,
} from '../../compiler/profile/benchmark-plan.ts';
import { COMPUTING, STEP } from '../../compiler/profile/benchmarks.ts';
import { measuringModel } from '../../compiler/profile/code-model.ts';
import { fitRates } from '../../compiler/profile/fit.ts';
import { measureDevice } from '../../compiler/profile/measure.ts';
import { partialProfile } from '../../compiler/profile/partial-profile.ts';
import { predictSeconds } from '../../compiler/profile/predict.ts';
import type { DeviceProfile } from '../../compiler/profile/profile.ts';
import { workSeconds } from '../../compiler/profile/seconds.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import type { OpenSession } from '../../compiler/profile/timing.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { load } from '../../runtime/index.ts';
import { soaked } from '../support/soak.ts';

test('a fit finds the costs that times are made of', () => {
  const resources = ['a', 'b', 'c'] as const;
  const cost = fc.double({ min: 0.1, max: 10, noNaN: true });
  fc.assert(
    fc.property(fc.tuple(cost, cost, cost), ([a, b, c]) => {
      const amounts = [
        { a: 1 },
        { a: 1, b: 3 },
        { b: 2, c: 1 },
        { a: 4, c: 2 },
        { a: 1, b: 1, c: 1 },
      ];
      const samples = amounts.map((part: { a?: number; b?: number; c?: number }) => ({
        amounts: part,
        seconds: a * (part.a ?? 0) + b * (part.b ?? 0) + c * (part.c ?? 0),
      }));
      const fitted = fitRates(resources, samples);
      for (const [name, truth] of Object.entries({ a, b, c })) {
        const { seconds, isDetermined } = fitted[name as 'a'];
        if (isDetermined) expect(seconds).toBeCloseTo(truth, 4);
        else expect(seconds).toBeGreaterThan(truth);
      }
    }),
    soaked(50),
  );
});

test('a fit has no negative costs, and refuses what samples do not tell', () => {
  const fitted = fitRates(
    ['a', 'b', 'c', 'd'],
    [
      { amounts: { a: 1 }, seconds: 2 },
      { amounts: { a: 1, b: 1 }, seconds: 1 },
      { amounts: { a: 100, c: 1 }, seconds: 150 },
    ],
  );
  expect(fitted.a.isDetermined).toBe(true);
  expect(fitted.a.seconds).toBeGreaterThan(0);
  // No share of any sample: at most a fifth of the one that did most of it.
  expect(fitted.b).toEqual({ isDetermined: false, seconds: 0.2 });
  expect(fitted.c).toEqual({ isDetermined: false, seconds: 30 });
  expect(fitted.d).toEqual({ isDetermined: false, seconds: Number.POSITIVE_INFINITY });
});

/** What the code of a plan's kernel takes on a device, whatever the device would choose itself. */
function codeSeconds(kernel: Kernel, variant: string | undefined, truth: DeviceProfile): number {
  const made = variant === undefined ? null : parseVariant(variant);
  if (!made) return predictSeconds(kernel, truth);
  const work = variantWork(kernel, made, WEBGPU_DEFAULT_LIMITS);
  return truth.dispatchSeconds + workSeconds(kernel, work, truth);
}

/** A device on paper: its sessions move a clock by what a profile says, and some noise, which is never less than nothing. */
function paperDevice(truth: DeviceProfile, noise = 0): { open: OpenSession; now: () => number } {
  let milliseconds = 0;
  let state = 1;
  const pass = (seconds: number) => {
    state = (state * 48271) % 2147483647;
    milliseconds += 1000 * seconds * (1 + (noise * state) / 2147483647);
  };
  const open: OpenSession = async (plan) => {
    const seconds = plan.kernels.map(({ text, variant }) =>
      codeSeconds(parseKernel(text), variant, truth),
    );
    const bytes = plan.tensors.find(({ name }) => name === 'b0')!.bytes;
    return {
      async run(program) {
        let total = truth.submitSeconds;
        for (const { kernel } of plan.programs[program].steps) total += seconds[kernel];
        pass(total);
        return {};
      },
      async readParameters() {
        pass(truth.transferSeconds + bytes / truth.deviceToHostBytesPerSecond);
        return {};
      },
      async writeParameters() {
        pass(bytes / truth.hostToDeviceBytesPerSecond);
      },
      destroy() {},
    };
  };
  return { open, now: () => milliseconds };
}

const H100: DeviceProfile = SHIPPED_PROFILES.h100;
const MODEST: DeviceProfile = {
  ...SHIPPED_PROFILES.swiftshader,
  operationsPerSecond: {
    contraction: 8e10,
    reduction: 3e10,
    elementwise: 2e10,
    gather: 2e10,
    scatter: 1e10,
  },
  functionsPerSecond: 4e9,
  randomsPerSecond: 5e8,
  memoryBytesPerSecond: 2e11,
  dispatchSeconds: 1e-5,
  submitSeconds: 3e-4,
  workgroups: {
    concurrentInvocations: 1024,
    barriersPerSecond: 1e9,
    operationsPerSecond: { contraction: 6e10, reduction: 2e10 },
  },
};
const { forms: _, sizes: __, ...flat } = SHIPPED_PROFILES.h100 as DeviceProfile;
/** As fast as an H100, with one rate for each class. */
const FAST: DeviceProfile = {
  ...flat,
  workgroups: {
    concurrentInvocations: 13170,
    barriersPerSecond: 1e12,
    operationsPerSecond: { contraction: 3e13, reduction: 2.5e12 },
  },
};
const DEVICES: readonly (readonly [string, DeviceProfile])[] = [
  ['slow', SHIPPED_PROFILES.swiftshader],
  ['modest', MODEST],
  ['fast', FAST],
  ['a fast one whose loops wait', SHIPPED_PROFILES.h100],
  ['WebAssembly', { ...SHIPPED_PROFILES.wasm, sizes: {} }],
];

/** The rates of a profile by their paths. */
function ratesOf(profile: object, path = ''): [string, number][] {
  return Object.entries(profile).flatMap(([name, value]): [string, number][] => {
    if (name === 'forms' || name === 'sizes' || name === 'limits' || name === 'overlap') return [];
    if (typeof value === 'number') return [[`${path}${name}`, value]];
    if (typeof value !== 'object' || value === null) return [];
    return ratesOf(value, `${path}${name}.`);
  });
}

describe.each(DEVICES)('of a device on paper that is %s', (_, truth) => {
  test.each(truth.workgroups ? [0, 0.05] : [0.05])(
    'rates are found or said not to be, with noise of %f',
    async (noise) => {
      const names: string[] = [];
      const found = await measureDevice({
        target: truth.target,
        ...paperDevice(truth, noise),
        onProgress: (name, number, count) => names.push(`${name} ${number}/${count}`),
      });
      expect(names.at(-1)).toMatch(/^transfers (\d+)\/\1$/);
      const wanted = new Map(ratesOf({ ...truth, version: {}, versions: {} }));
      const unknown = new Set(found.undetermined);
      for (const [name, rate] of ratesOf(found)) {
        const ratio = rate / wanted.get(name)!;
        // One rate of a class cannot stand for forms that have their own, nor for loops that wait.
        if (unknown.has(name) || (truth.forms && /^workgroups\.|contraction$/.test(name))) continue;
        expect.soft(ratio, name).toBeGreaterThan(0.75);
        expect.soft(ratio, name).toBeLessThan(1.35);
      }
      // What was not found is of no use to predictions: these hold all the same.
      const profile = { ...truth, ...found };
      for (const family of COMPUTING)
        for (const scale of [1, 8, 64]) {
          const { kernel, name, form } = family(scale);
          // Of nanoseconds on WebAssembly.
          if (name === STEP.name) continue;
          const variant = truth.workgroups
            ? variantText(chooseVariant(kernel, WEBGPU_DEFAULT_LIMITS, measuringModel(H100, form)))
            : undefined;
          const [found, real] = [profile, truth].map((one) => codeSeconds(kernel, variant, one));
          const ratio = found / real;
          expect
            .soft(Math.abs(Math.log(ratio)), `${name} at ${scale}`)
            .toBeLessThan(truth.forms ? 0.5 : 0.3);
        }
    },
  );
});

test('what is found before the end is of the device, and the rest of another profile', async () => {
  const { swiftshader: truth, lavapipe: base } = SHIPPED_PROFILES;
  const parts: { profile: DeviceProfile; number: number }[] = [];
  const found = await measureDevice({
    target: 'webgpu',
    ...paperDevice(truth, 0),
    onFound: (part, number) => parts.push({ profile: partialProfile(base, part), number }),
  });
  expect(parts.length).toBeGreaterThan(COMPUTING.length);
  expect(parts.map(({ number }) => number)).toEqual(
    parts.map(({ number }) => number).toSorted((a, b) => a - b),
  );
  const [early, last] = [parts[0], parts.at(-1)!].map(({ profile }) => profile);
  const others = new Map(ratesOf(base));
  for (const profile of [early, last]) {
    const unknown = new Set(profile.undetermined);
    const rates = new Map(ratesOf({ ...profile, version: {}, versions: {} }));
    for (const name of unknown)
      if (rates.has(name)) expect(rates.get(name), name).toBe(others.get(name));
    expect(unknown).toContain('transferSeconds');
  }
  expect(early.undetermined!.length).toBeGreaterThan(last.undetermined!.length);
  for (const kind of ['contraction', 'reduction', 'elementwise'] as const)
    expect(last.operationsPerSecond[kind]).toBe(found.operationsPerSecond[kind]);
});

test('plans of benchmarks run', async () => {
  for (const benchmark of [STEP, COMPUTING[5](1)]) {
    const { plan, module } = await benchmarkPlan(benchmark, 'wasm', WASM_LIMITS);
    const session = await load(plan, { module: module! });
    for (const repeats of REPEATS)
      expect(await session.run(programName(repeats))).toEqual({ [DONE]: Int32Array.of(1) });
    session.destroy();
  }
  for (const family of COMPUTING) {
    const { plan } = await benchmarkPlan(family(1), 'webgpu', WEBGPU_DEFAULT_LIMITS);
    expect(Object.keys(plan.programs)).toEqual(REPEATS.map(programName));
  }
});
