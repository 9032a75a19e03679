import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adam,
  compile,
  crossEntropy,
  defineModel,
  linear,
  relu,
  tensor,
} from '../../compiler/index.ts';
import { codeModel } from '../../compiler/profile/code-model.ts';
import { predictSeconds, transferSeconds } from '../../compiler/profile/predict.ts';
import type { DeviceProfile } from '../../compiler/profile/profile.ts';
import { TARGETS } from '../../compiler/targets/index.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { kernelCases, withHolder } from '../support/random-kernel.ts';
import { soaked } from '../support/soak.ts';

const NAMES = ['wasm', 'webgpu'] as const;
const LIMITS = { wasm: WASM_LIMITS, webgpu: WEBGPU_DEFAULT_LIMITS };

const product = (m: number, k: number): Kernel =>
  parseKernel(`kernel product {
  axis a0 parallel ${m}
  axis a1 parallel 64
  axis a2 reduced ${k}
  buffer b0 read f32 ${m * k}
  buffer b1 read f32 ${64 * k}
  buffer b2 write f32 ${64 * m}
  n0: f32 = load b0[${k}*a0 + a2]
  n1: f32 = load b1[a1 + 64*a2]
  n2: f32 = mul n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b2[64*a0 + a1] = n3
}
`);

describe.each(NAMES)('on %s', (target) => {
  const profile = TARGETS[target].profile;

  test('every kernel takes some time, more than its dispatch', () => {
    fc.assert(
      fc.property(kernelCases(), (one) => {
        const { kernel } = target === 'wasm' ? withHolder(one) : one;
        const work = TARGETS[target].work(
          kernel,
          LIMITS[target],
          codeModel(TARGETS[target].profile),
        );
        for (const amount of Object.values(work))
          if (typeof amount === 'number') expect(amount).toBeGreaterThanOrEqual(0);
        const seconds = predictSeconds(kernel, profile, LIMITS[target]);
        expect(Number.isFinite(seconds)).toBe(true);
        expect(seconds).toBeGreaterThan(profile.dispatchSeconds);
      }),
      soaked(100),
    );
  });

  test('one kernel has a time by the limits of each device', () => {
    const kernel = product(4096, 256);
    const few = { ...WEBGPU_DEFAULT_LIMITS, maxComputeInvocationsPerWorkgroup: 16 };
    const fresh = structuredClone(kernel);
    const alone = predictSeconds(fresh, profile, few);
    predictSeconds(kernel, profile, LIMITS[target]);
    expect(predictSeconds(kernel, profile, few)).toBe(alone);
  });

  test('more work takes longer, but for what a device does side by side', () => {
    const times = [64, 1024, 16384].flatMap((m) =>
      [16, 256].map((k) => predictSeconds(product(64 * m, k), profile)),
    );
    for (let i = 2; i < times.length; i++) expect(times[i]).toBeGreaterThanOrEqual(times[i - 2]);
    expect(times[4]).toBeGreaterThan(times[0]);
    for (let i = 0; i < times.length; i += 2) expect(times[i + 1]).toBeGreaterThan(times[i]);
  });

  test('a device that is twice as fast in all takes half as long', () => {
    const faster = (value: unknown): unknown => {
      if (typeof value === 'number') return 2 * value;
      if (Array.isArray(value)) return value.map(faster);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value).map(([name, part]) => [
          name,
          name === 'concurrentInvocations' || name === 'bytes'
            ? part
            : name.endsWith('Seconds')
              ? (part as number) / 2
              : faster(part),
        ]),
      );
    };
    const fast = faster(profile) as DeviceProfile;
    for (const kernel of [product(64, 256), product(4096, 4)])
      expect(predictSeconds(kernel, fast)).toBeCloseTo(predictSeconds(kernel, profile) / 2, 12);
    expect(transferSeconds(1e6, 'deviceToHost', fast)).toBeCloseTo(
      transferSeconds(1e6, 'deviceToHost', profile) / 2,
      12,
    );
  });
});

test('a slow memory decides, and then bytes over its rate', () => {
  const profile = { ...TARGETS.wasm.profile, memoryBytesPerSecond: 1e5 };
  const kernel = product(64, 16);
  const bytes = 4 * (64 * 16 + 64 * 16 + 64 * 64);
  expect(predictSeconds(kernel, profile)).toBeCloseTo(profile.dispatchSeconds + bytes / 1e5, 9);
});

const model = defineModel({
  name: 'small',
  inputs: { x: tensor([32, 16]), label: tensor([32], 'i32') },
  build: ({ x }) => {
    const layers = [16, 16, 16, 16].map((width, i) => linear(16, width, { name: `layer${i}` }));
    return { logits: layers.reduce((value, layer) => relu(layer(value)), x) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 1e-3 }),
  },
});

interface Changeable {
  predicted: { stepSeconds: number };
  steps: { seconds?: number }[];
}

describe('of a plan', () => {
  /** Within a budget that makes it swap or compute again. */
  async function tightPlan(): Promise<Plan> {
    const { plan } = await compile(model, { target: 'webgpu' });
    const budgetBytes = Math.floor(0.8 * plan!.memory.deviceBytes);
    const tight = await compile(model, { target: 'webgpu', budgetBytes });
    expect(tight.diagnostics).toEqual([]);
    return tight.plan!;
  }

  test('a run takes what its parts take', async () => {
    const plan = await tightPlan();
    expect(verifyPlan(plan)).toEqual([]);
    for (const { predicted, steps, transfers = [] } of Object.values(plan.programs)) {
      const sum = steps.reduce((total, { seconds }) => total + seconds!, 0);
      const { seconds, stepSeconds, recomputeSeconds, swapSeconds, interfaceSeconds } = predicted!;
      expect(stepSeconds).toBeCloseTo(sum, 12);
      expect(seconds).toBeCloseTo(stepSeconds + swapSeconds + interfaceSeconds, 12);
      expect(recomputeSeconds > 0).toBe(steps.some(({ recomputed }) => recomputed));
      expect(swapSeconds > 0).toBe(transfers.length > 0);
      expect(interfaceSeconds).toBeGreaterThanOrEqual(TARGETS.webgpu.profile.submitSeconds);
    }
  });

  test('transfers begin and take what they should, and steps wait for them as long as the run does', async () => {
    const plan = await tightPlan();
    let copied = 0;
    for (const { predicted, steps, transfers = [] } of Object.values(plan.programs)) {
      let now = 0;
      const spans = steps.map(({ seconds, waitSeconds = 0 }) => {
        const start = now + waitSeconds;
        now = start + seconds!;
        return { start, end: now };
      });
      const last = transfers.reduce(
        (most, { startSeconds, seconds }) => Math.max(most, startSeconds! + seconds!),
        0,
      );
      expect(Math.max(now, last)).toBeCloseTo(predicted!.stepSeconds + predicted!.swapSeconds, 9);
      for (const { kind, tensor, step, startSeconds, seconds } of transfers) {
        expect(seconds).toBeGreaterThan(0);
        // Behind the step that makes it, or not before it is issued, which is behind the step before.
        const issued = kind === 'out' ? spans[step].end : (spans[step - 1]?.end ?? 0);
        expect(startSeconds).toBeGreaterThanOrEqual(issued - 1e-12);
        if (kind === 'out') continue;
        const bound = steps.findIndex(({ bindings }, s) => s >= step && bindings.includes(tensor));
        // A kernel that replaces a value in place binds its result there, and the value ends with it.
        const user = bound < 0 ? plan.tensors[tensor].lastStep! : bound;
        // The first step that uses it begins when it is there.
        expect(spans[user].start).toBeGreaterThanOrEqual(startSeconds! + seconds! - 1e-12);
        copied++;
      }
    }
    expect(copied).toBeGreaterThan(0);
    expect(plan.programs['train'].steps.some(({ waitSeconds }) => waitSeconds! > 0)).toBe(true);
  });

  test('sums that are not true are refused', async () => {
    const plan = structuredClone(await tightPlan());
    const { predicted, steps } = plan.programs['train'] as unknown as Changeable;
    predicted.stepSeconds *= 1.01;
    expect(verifyPlan(plan)).toEqual([
      expect.stringMatching(/^programs\.train\.predicted\.stepSeconds: .*, but the sum is /),
      expect.stringMatching(/^programs\.train\.predicted\.seconds: .*, but the sum is /),
    ]);
    predicted.stepSeconds /= 1.01;
    delete steps[0].seconds;
    expect(verifyPlan(plan)[0]).toBe(
      'programs.train.steps[0].seconds: missing, but the program has a prediction',
    );
    steps[0].seconds = -1;
    expect(verifyPlan(plan)[0]).toBe('programs.train.steps[0].seconds: must be at least 0');
  });
});
