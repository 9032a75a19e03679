import type { Kernel } from '../../ir/kernel.ts';
import { kernelParts } from '../../ir/kernel-group.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import type { Plan } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import { chooseVariant, variantsOf, variantText, variantWork } from '../codegen/gpu/index.ts';
import { kernelSignature } from '../codegen/signature.ts';
import type { Benchmark } from './benchmarks.ts';
import { codeModel } from './code-model.ts';
import type { DeviceProfile, TunedKernel } from './profile.ts';
import { workSeconds } from './seconds.ts';
import { type Bench, timeKernel } from './timing.ts';

export interface Tuning {
  readonly plan: Plan;
  /** Rates of the device: they choose where nothing was measured, and say which variants are not worth it. */
  readonly profile: DeviceProfile;
  readonly bench: Bench;
  /** When this long is over, what is left is not measured. */
  readonly seconds: number;
  /** Called before each measurement with the kernel, the variant, and how many kernels are done of how many. */
  readonly onProgress?: (kernel: string, variant: string, done: number, count: number) => void;
  /** Called after each kernel with all that was found: what an interruption leaves. */
  readonly onFound?: (kernels: readonly TunedKernel[]) => void;
}

/** A way to make a kernel that the device does not take. */
export interface RefusedVariant {
  readonly name: string;
  readonly variant: string;
  readonly reason: string;
}

/** What tuning found. */
export interface TuningResult {
  /** One per kernel that was measured, those that take most of a run first. */
  readonly kernels: readonly TunedKernel[];
  /** Kernels of the plan that have several variants and were not measured for want of time. */
  readonly left: number;
  /** What the device refused, and is not used for that. */
  readonly refused: readonly RefusedVariant[];
  /** Of a run of all programs: by what was measured, and by what rates alone would have chosen. */
  readonly tunedSeconds: number;
  readonly untunedSeconds: number;
}

/** Variants that should take so many times as long as the best are not measured. */
const HOPELESS = 6;
/** A variant must be this much faster than what rates choose: less is noise. */
const GAIN = 0.97;

/** Measures the variants of a plan's kernels on a device, those first that take most of its time. */
export async function tuneKernels(tuning: Tuning): Promise<TuningResult> {
  const { plan, profile, bench, onProgress, onFound } = tuning;
  const started = bench.now();
  const isOver = () => (bench.now() - started) / 1000 >= tuning.seconds;
  const rows = kernelsByTime(plan, profile, bench.limits);
  const kernels: TunedKernel[] = [];
  const refused: RefusedVariant[] = [];
  let left = 0;
  let [tunedSeconds, untunedSeconds] = [0, 0];
  for (const { kernel, name, calls } of rows) {
    if (isOver()) {
      left++;
      continue;
    }
    const chosen = variantText(chooseVariant(kernel, bench.limits, codeModel(untuned(profile))));
    let best: { variant: string; seconds: number } | null = null;
    let plain: number | null = null;
    let measured = 0;
    let tried = 0;
    for (const variant of worthTrying(kernel, chosen, profile, bench.limits)) {
      if (tried > 0 && isOver()) break;
      onProgress?.(name, variant, kernels.length, rows.length);
      tried++;
      const seconds = await timeOrRefusal({ name, kernel, variant }, bench, refused);
      if (seconds === null) continue;
      measured++;
      if (variant === chosen) plain = seconds;
      if (!best || seconds < (best.variant === chosen ? GAIN : 1) * best.seconds)
        best = { variant, seconds };
    }
    // One way alone says nothing of the others, unless the device refuses what rates would choose.
    if (!best || (measured < 2 && plain !== null)) {
      if (isOver()) left++;
      continue;
    }
    const without = plain ?? best.seconds;
    tunedSeconds += calls * best.seconds;
    untunedSeconds += calls * without;
    kernels.push({ signature: kernelSignature(kernel), name, ...best, untunedSeconds: without });
    onFound?.(kernels);
  }
  return { kernels, left, refused, tunedSeconds, untunedSeconds };
}

/** Codes of the runtime's errors that are of one way to make a kernel, and say nothing of the others. */
const REFUSALS: ReadonlySet<unknown> = new Set([
  'kernel-rejected',
  'limit-too-small',
  'feature-missing',
  'out-of-memory',
]);

/** Seconds of one step; null where the device refuses it, which is noted in `refused`. */
async function timeOrRefusal(
  benchmark: Benchmark & { readonly variant: string },
  bench: Bench,
  refused: RefusedVariant[],
): Promise<number | null> {
  try {
    return (await timeKernel(benchmark, bench)).seconds;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && REFUSALS.has(error.code))) throw error;
    const { name, variant } = benchmark;
    refused.push({ name, variant, reason: error.message });
    return null;
  }
}

/** A profile with what tuning found; of a kernel that was tuned before, the new finding. */
export function withTuned(profile: DeviceProfile, found: readonly TunedKernel[]): DeviceProfile {
  const kernels = new Map(
    [...(profile.kernels ?? []), ...found].map((one) => [one.signature, one]),
  );
  return { ...profile, kernels: [...kernels.values()] };
}

const bare = new WeakMap<DeviceProfile, DeviceProfile>();

/** The profile without what was tuned before. */
function untuned(profile: DeviceProfile): DeviceProfile {
  let rates = bare.get(profile);
  if (!rates) {
    const { kernels: _, ...rest } = profile;
    rates = rest;
    bare.set(profile, rates);
  }
  return rates;
}

interface PlannedKernel {
  readonly kernel: Kernel;
  readonly name: string;
  /** In one run of every program. */
  readonly calls: number;
}

/** Kernels that can be made in several ways, those first that should take most of a run. */
function kernelsByTime(
  plan: Plan,
  profile: DeviceProfile,
  limits: TargetLimits,
): readonly PlannedKernel[] {
  const calls = new Map<number, number>();
  for (const { steps } of Object.values(plan.programs))
    for (const { kernel } of steps) calls.set(kernel, (calls.get(kernel) ?? 0) + 1);
  // Kernels that share a dispatch are made as they would be alone, and are tuned so.
  const alone = new Map<string, PlannedKernel>();
  for (const [index, count] of calls) {
    const whole = parseKernel(plan.kernels[index].text);
    for (const kernel of kernelParts(whole)) {
      const signature = kernelSignature(kernel);
      const before = alone.get(signature)?.calls ?? 0;
      alone.set(signature, { kernel, name: kernel.name, calls: before + count });
    }
  }
  const model = codeModel(untuned(profile));
  return [...alone.values()]
    .map((one) => {
      const { kernel, calls: count } = one;
      const work = variantWork(kernel, chooseVariant(kernel, limits, model), limits);
      const seconds = count * (profile.dispatchSeconds + workSeconds(kernel, work, profile));
      return { ...one, seconds };
    })
    .filter(({ kernel }) => variantsOf(kernel, limits).length > 1)
    .sort((a, b) => b.seconds - a.seconds);
}

/** The variant that rates choose, and others that might be faster, the most promising first. */
function worthTrying(
  kernel: Kernel,
  chosen: string,
  profile: DeviceProfile,
  limits: TargetLimits,
): string[] {
  const timed = variantsOf(kernel, limits)
    .map((variant) => ({
      text: variantText(variant),
      seconds: workSeconds(kernel, variantWork(kernel, variant, limits), profile),
    }))
    .sort((a, b) => a.seconds - b.seconds);
  const others = timed
    .filter(({ text, seconds }) => text !== chosen && seconds <= HOPELESS * timed[0].seconds)
    .map(({ text }) => text);
  return [chosen, ...others];
}
