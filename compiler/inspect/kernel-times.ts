import type { Plan } from '../../ir/plan.ts';
import type { SessionTrace } from '../../ir/trace.ts';
import type { Ceilings } from '../profile/ceilings.ts';

/** All steps of a program that run one kernel. Rates are null where the clock has seen no time pass. */
export interface KernelTime {
  readonly kernel: string;
  /** How its code is made, of several ways; null where a target has one. */
  readonly variant: string | null;
  readonly calls: number;
  /** Of all calls in one run. */
  readonly seconds: number;
  /** Of the steps' seconds. */
  readonly share: number;
  readonly flopsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  /** Of the ceilings; null where there are none. */
  readonly flopsShare: number | null;
  readonly bytesShare: number | null;
  /** The larger of both: how near the kernel is to the roofline. */
  readonly rooflineShare: number | null;
  /** By the plan's profile, dispatches included; null where it has none. */
  readonly predictedSeconds: number | null;
}

/** What runs of one program took, each figure the median over the warm runs: all but the first, where there are several. */
export interface ProgramTimes {
  readonly program: string;
  /** Warm runs. */
  readonly runs: number;
  readonly runSeconds: number;
  /** The sum of the steps' medians. */
  readonly stepSeconds: number;
  readonly copiesInSeconds: number;
  readonly copiesOutSeconds: number;
  /** Steps in which the clock did not move, summed over the warm runs, and how many were timed. */
  readonly timed: { readonly steps: number; readonly zero: number };
  /** The least time of a step that is not zero: the clock is no finer than that; null where all are zero. */
  readonly leastSeconds: number | null;
  /** Largest share first. */
  readonly kernels: readonly KernelTime[];
}

/** Programs that the trace has runs of, in the plan's order. */
export function programTimes(
  plan: Plan,
  trace: SessionTrace,
  ceilings: Ceilings | null,
): ProgramTimes[] {
  return Object.keys(plan.programs).flatMap((program) => {
    const warm = warmRuns(trace, program);
    return warm.length > 0 ? [timesOf(plan, trace, program, warm, ceilings)] : [];
  });
}

/** All runs of a program but the first, where there are several. */
export function warmRuns(trace: SessionTrace, program: string): SessionTrace['runs'] {
  const all = trace.runs.filter((run) => run.program === program);
  return all.length > 1 ? all.slice(1) : all;
}

/** The seconds of each step of a program in runs. */
function stepSamples(
  plan: Plan,
  trace: SessionTrace,
  program: string,
  runs: ReadonlySet<number>,
): number[][] {
  const samples: number[][] = plan.programs[program].steps.map(() => []);
  for (const { program: of, run, step, seconds } of trace.steps)
    if (of === program && runs.has(run)) samples[step].push(seconds);
  return samples;
}

/** The seconds of each step of a program, the median over its warm runs; null where the trace has no run of it. */
export function stepMedians(plan: Plan, trace: SessionTrace, program: string): number[] | null {
  const warm = warmRuns(trace, program).map(({ run }) => run);
  if (warm.length === 0) return null;
  return stepSamples(plan, trace, program, new Set(warm)).map(median);
}

function timesOf(
  plan: Plan,
  trace: SessionTrace,
  program: string,
  warm: SessionTrace['runs'],
  ceilings: Ceilings | null,
): ProgramTimes {
  const wanted = new Map(warm.map(({ run }, k) => [run, k]));
  const samples = stepSamples(plan, trace, program, new Set(wanted.keys()));
  const copied = { in: warm.map(() => 0), out: warm.map(() => 0) };
  for (const { run, direction, seconds } of trace.copies) {
    const k = wanted.get(run);
    if (k !== undefined) copied[direction][k] += seconds;
  }
  const seen = samples.flat();
  const positive = seen.filter((seconds) => seconds > 0);
  const medians = samples.map(median);
  const stepSeconds = medians.reduce((sum, seconds) => sum + seconds, 0);
  return {
    program,
    runs: warm.length,
    runSeconds: median(warm.map(({ seconds }) => seconds)),
    stepSeconds,
    copiesInSeconds: median(copied.in),
    copiesOutSeconds: median(copied.out),
    timed: { steps: seen.length, zero: seen.length - positive.length },
    leastSeconds: positive.reduce<number | null>((least, s) => Math.min(least ?? s, s), null),
    kernels: kernelTimes(plan, program, medians, ceilings),
  };
}

/** `seconds`: of each step of the program. */
export function kernelTimes(
  plan: Plan,
  program: string,
  seconds: readonly number[],
  ceilings: Ceilings | null,
): KernelTime[] {
  const sums = plan.kernels.map(({ name, variant = null }) => ({
    ...{ name, variant, calls: 0, seconds: 0, flops: 0, bytes: 0 },
    predicted: 0 as number | null,
  }));
  plan.programs[program].steps.forEach((step, k) => {
    const sum = sums[step.kernel];
    sum.calls++;
    sum.seconds += seconds[k];
    sum.flops += step.flops;
    sum.bytes += step.bytesMoved;
    const known = sum.predicted !== null && step.seconds !== undefined;
    sum.predicted = known ? sum.predicted! + step.seconds! : null;
  });
  const all = seconds.reduce((sum, each) => sum + each, 0) || 1;
  return sums
    .filter(({ calls }) => calls > 0)
    .map(({ name, variant, calls, seconds, flops, bytes, predicted }) => {
      const rate = (amount: number) => (seconds > 0 ? amount / seconds : null);
      const [flopsPerSecond, bytesPerSecond] = [rate(flops), rate(bytes)];
      const flopsShare = shareOf(flopsPerSecond, ceilings?.flopsPerSecond);
      const bytesShare = shareOf(bytesPerSecond, ceilings?.bytesPerSecond);
      return {
        ...{ kernel: name, variant, calls, seconds, share: seconds / all },
        ...{ flopsPerSecond, bytesPerSecond, flopsShare, bytesShare },
        rooflineShare:
          flopsShare === null || bytesShare === null ? null : Math.max(flopsShare, bytesShare),
        predictedSeconds: predicted,
      };
    })
    .sort((a, b) => b.seconds - a.seconds || (a.kernel < b.kernel ? -1 : 1));
}

function shareOf(rate: number | null, ceiling: number | undefined): number | null {
  return rate === null || ceiling === undefined ? null : rate / ceiling;
}

/** The middle one, or the mean of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}
