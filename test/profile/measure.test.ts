import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  benchmarkPlan,
  DONE,
  programName,
  REPEATS,
} from '../../compiler/profile/benchmark-plan.ts';
import { COMPUTING, STEP } from '../../compiler/profile/benchmarks.ts';
import { fitRates } from '../../compiler/profile/fit.ts';
import { measureDevice } from '../../compiler/profile/measure.ts';
import { predictSeconds } from '../../compiler/profile/predict.ts';
import type { DeviceProfile } from '../../compiler/profile/profile.ts';
import type { OpenSession } from '../../compiler/profile/timing.ts';
import { TARGETS } from '../../compiler/targets/index.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { load } from '../../runtime/index.ts';

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
      expect(fitted.a).toBeCloseTo(a, 4);
      expect(fitted.b).toBeCloseTo(b, 4);
      expect(fitted.c).toBeCloseTo(c, 4);
    }),
    { numRuns: 50 },
  );
});

test('a fit has no negative costs', () => {
  const fitted = fitRates(
    ['a', 'b'],
    [
      { amounts: { a: 1 }, seconds: 2 },
      { amounts: { a: 1, b: 1 }, seconds: 1 },
    ],
  );
  expect(fitted.b).toBe(0);
  expect(fitted.a).toBeGreaterThan(0);
});

/** A device on paper: its sessions move a clock by what a profile says. */
function paperDevice(truth: DeviceProfile): { open: OpenSession; now: () => number } {
  let milliseconds = 0;
  const pass = (seconds: number) => {
    milliseconds += 1000 * seconds;
  };
  const open: OpenSession = async (plan) => {
    const seconds = plan.kernels.map(({ text }) => predictSeconds(parseKernel(text), truth));
    const bytes = plan.tensors.find(({ name }) => name === 'b0')!.bytes;
    return {
      async run(program) {
        pass(truth.submitSeconds);
        for (const { kernel } of plan.programs[program].steps) pass(seconds[kernel]);
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

test('the rates of a device on paper are found', async () => {
  const truth: DeviceProfile = {
    ...TARGETS.webgpu.profile,
    operationsPerSecond: {
      contraction: 8e10,
      reduction: 3e10,
      elementwise: 2e10,
      gather: 2e10,
      scatter: 1e10,
    },
    functionsPerSecond: 4e9,
    randomsPerSecond: 5e8,
    memoryBytesPerSecond: 2e10,
    dispatchSeconds: 1e-5,
    submitSeconds: 3e-4,
    workgroups: {
      concurrentInvocations: 1024,
      barriersPerSecond: 1e9,
      operationsPerSecond: { contraction: 6e10, reduction: 2e10 },
    },
  };
  const names: string[] = [];
  const found = await measureDevice({
    target: 'webgpu',
    ...paperDevice(truth),
    onProgress: (name, number, count) => names.push(`${name} ${number}/${count}`),
  });
  expect(names).toHaveLength(COMPUTING.length + 5);
  expect(names.at(-1)).toMatch(new RegExp(`^transfers ${names.length}/${names.length}$`));
  const rates = (profile: object): [string, number][] =>
    Object.entries(profile).flatMap(([name, value]): [string, number][] => {
      if (typeof value === 'number') return name === 'overlap' ? [] : [[name, value]];
      if (typeof value !== 'object' || value === null) return [];
      return rates(value).map(([inner, rate]) => [`${name}.${inner}`, rate]);
    });
  const wanted = new Map(rates({ ...truth, version: {}, versions: {} }));
  for (const [name, rate] of rates(found)) {
    expect(rate / wanted.get(name)!, name).toBeGreaterThan(0.85);
    expect(rate / wanted.get(name)!, name).toBeLessThan(1.18);
  }
  const profile = { ...truth, ...found };
  for (const family of COMPUTING)
    for (const scale of [1, 8]) {
      const { kernel } = family(scale);
      const ratio = predictSeconds(kernel, profile) / predictSeconds(kernel, truth);
      expect(Math.abs(Math.log(ratio))).toBeLessThan(0.15);
    }
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
