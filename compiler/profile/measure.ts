import type { Plan, Target } from '../../ir/plan.ts';
import { type TargetLimits, WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { kernelWork } from '../codegen/kernel-work.ts';
import { benchmarkPlan, DONE, programName, REPEATS } from './benchmark-plan.ts';
import {
  type Benchmark,
  computingBenchmarks,
  copying,
  FEW_INVOCATIONS,
  MANY_INVOCATIONS,
  STREAMING,
} from './benchmarks.ts';
import { fitRates, type Sample } from './fit.ts';
import { KERNEL_CLASSES, type KernelClass, kernelClass } from './kernel-class.ts';
import type { DeviceProfile, WorkgroupRates } from './profile.ts';

type Data = Float32Array | Int32Array;

/** What measuring needs of a session of the runtime. */
export interface MeasuredSession {
  run(
    program: string,
    inputs?: Record<string, Data>,
    options?: { read?: readonly string[] | false },
  ): Promise<Record<string, Data>>;
  readParameters(): Promise<Record<string, Data>>;
  writeParameters(values: Record<string, Data>): Promise<void>;
  destroy(): void;
}

export type OpenSession = (plan: Plan, module: Uint8Array | null) => Promise<MeasuredSession>;

export interface Measuring {
  readonly target: Target;
  readonly open: OpenSession;
  /** Milliseconds; by default `performance.now`. */
  readonly now?: () => number;
  /** Called before each measurement with its name, its number and how many there are. */
  readonly onProgress?: (name: string, number: number, count: number) => void;
}

/** The measured part of a profile: everything but names, versions and files. */
export type DeviceRates = Pick<
  DeviceProfile,
  | 'operationsPerSecond'
  | 'functionsPerSecond'
  | 'randomsPerSecond'
  | 'workgroups'
  | 'memoryBytesPerSecond'
  | 'dispatchSeconds'
  | 'submitSeconds'
  | 'deviceToHostBytesPerSecond'
  | 'hostToDeviceBytesPerSecond'
  | 'transferSeconds'
  | 'overlap'
>;

/** Measurements end after so long, once there are some. */
const ENOUGH_SECONDS = 0.06;
const LEAST_RUNS = 4;
const MOST_RUNS = 200;
/** Even of runs that are few by then. */
const TOO_MANY_SECONDS = 1;
/** Runs of which more would take too long. */
const LONG_SECONDS = 0.02;
const TRANSFERRED = 2 ** 22;
const FASTEST = 1e-16;

/** Measures a device by running small plans on it. Rejects with the runtime's errors. */
export async function measureDevice({
  target,
  open,
  now = () => performance.now(),
  onProgress,
}: Measuring): Promise<DeviceRates> {
  const limits = target === 'wasm' ? WASM_LIMITS : WEBGPU_DEFAULT_LIMITS;
  const bench: Bench = { target, limits, open, best: (action) => best(now, action) };
  const benchmarks = computingBenchmarks();
  const others = target === 'wasm' ? [STREAMING] : [STREAMING, FEW_INVOCATIONS, MANY_INVOCATIONS];
  const count = benchmarks.length + others.length + 1;
  let number = 0;
  const times = new Map<string, KernelTimes>();
  for (const benchmark of [...others, ...benchmarks]) {
    onProgress?.(benchmark.name, ++number, count);
    times.set(benchmark.name, await timeKernel(benchmark, bench));
  }
  onProgress?.('transfers', ++number, count);
  const transfers = await timeTransfers(bench);
  const step = times.get(benchmarks[0].name)!;
  const concurrentInvocations =
    target === 'wasm'
      ? 1
      : concurrency(
          times.get(FEW_INVOCATIONS.name)!.seconds,
          times.get(MANY_INVOCATIONS.name)!.seconds,
        );
  const rates = fitKernels(benchmarks, times, target, limits, concurrentInvocations);
  const streamed = STREAMING.kernel.buffers.reduce((sum, { elements }) => sum + 4 * elements, 0);
  return {
    ...rates,
    memoryBytesPerSecond: streamed / times.get(STREAMING.name)!.seconds,
    submitSeconds: Math.max(1e-9, step.once - 2 * step.seconds),
    ...transfers,
  };
}

interface Bench {
  readonly target: Target;
  readonly limits: TargetLimits;
  readonly open: OpenSession;
  readonly best: (action: () => Promise<unknown>) => Promise<number>;
}

interface KernelTimes {
  /** Of one step. */
  readonly seconds: number;
  /** Of a run of a program with one such step, its result read. */
  readonly once: number;
}

async function timeKernel(
  benchmark: Benchmark,
  { target, limits, open, best }: Bench,
): Promise<KernelTimes> {
  const { plan, module } = await benchmarkPlan(benchmark, target, limits);
  const session = await open(plan, module);
  try {
    const timed = (repeats: (typeof REPEATS)[number]) =>
      best(() => session.run(programName(repeats), {}, { read: [DONE] }));
    const once = await timed(1);
    let seconds = once;
    for (const repeats of REPEATS.slice(1)) {
      if (seconds * repeats > 10 * LONG_SECONDS) break;
      seconds = Math.max(1e-9, ((await timed(repeats)) - once) / (repeats - 1));
    }
    return { seconds, once };
  } finally {
    session.destroy();
  }
}

/** Seconds of `action`: the shortest of some runs, the first left out. */
async function best(now: () => number, action: () => Promise<unknown>): Promise<number> {
  await action();
  let least = Number.POSITIVE_INFINITY;
  let spent = 0;
  for (let run = 0; run < MOST_RUNS && spent < TOO_MANY_SECONDS; run++) {
    if (run >= LEAST_RUNS && spent >= ENOUGH_SECONDS) break;
    const started = now();
    await action();
    const seconds = (now() - started) / 1000;
    least = Math.min(least, seconds);
    spent += seconds;
  }
  return least;
}

/** Invocations that keep a device busy, by the time of loops that few run and that as much work takes spread over many. */
function concurrency(few: number, many: number): number {
  const points = (benchmark: Benchmark) => benchmark.kernel.axes[0].extent;
  const work = ({ kernel }: Benchmark) => kernel.axes[0].extent * kernel.axes[1].extent;
  const ratio = (few / work(FEW_INVOCATIONS)) * (work(MANY_INVOCATIONS) / many);
  return Math.min(points(MANY_INVOCATIONS), points(FEW_INVOCATIONS) * Math.max(1, ratio));
}

type Resource =
  | KernelClass
  | 'steps'
  | 'functions'
  | 'randoms'
  | 'barriers'
  | 'shared contraction'
  | 'shared reduction';

function fitKernels(
  benchmarks: readonly Benchmark[],
  times: ReadonlyMap<string, KernelTimes>,
  target: Target,
  limits: TargetLimits,
  concurrentInvocations: number,
) {
  const samples = benchmarks.map(({ name, kernel }): Sample<Resource> => {
    const { plain, functions, randoms, barriers, invocations } = kernelWork(kernel, target, limits);
    const kind = kernelClass(kernel);
    const shared = kind === 'contraction' ? 'shared contraction' : 'shared reduction';
    const busy = Math.min(1, invocations / concurrentInvocations);
    return {
      seconds: times.get(name)!.seconds,
      amounts: {
        steps: 1,
        [barriers > 0 ? shared : kind]: plain / busy,
        functions: functions / busy,
        randoms: randoms / busy,
        barriers: barriers / busy,
      },
    };
  });
  const resources: Resource[] = [
    ...KERNEL_CLASSES,
    'steps',
    'functions',
    'randoms',
    'barriers',
    'shared contraction',
    'shared reduction',
  ];
  const costs = fitRates(resources, samples);
  const rate = (resource: Resource) => 1 / Math.max(FASTEST, costs[resource]);
  const workgroups: WorkgroupRates = {
    concurrentInvocations,
    barriersPerSecond: rate('barriers'),
    operationsPerSecond: {
      contraction: rate('shared contraction'),
      reduction: rate('shared reduction'),
    },
  };
  return {
    operationsPerSecond: Object.fromEntries(
      KERNEL_CLASSES.map((kind) => [kind, rate(kind)]),
    ) as Record<KernelClass, number>,
    functionsPerSecond: rate('functions'),
    randomsPerSecond: rate('randoms'),
    workgroups: target === 'wasm' ? null : workgroups,
    dispatchSeconds: Math.max(1e-9, costs.steps),
  };
}

/** Rates of reading and writing a large parameter, and how much of a write hides behind a running program. */
async function timeTransfers({ target, limits, open, best }: Bench) {
  const [small, large, busy] = await Promise.all(
    [copying(16), copying(TRANSFERRED), MANY_INVOCATIONS].map(async (benchmark) => {
      const { plan, module } = await benchmarkPlan(benchmark, target, limits);
      return open(plan, module);
    }),
  );
  try {
    const bytes = 4 * TRANSFERRED;
    const values = { b0: new Float32Array(TRANSFERRED) };
    const wait = (session: MeasuredSession) => session.run(programName(1), {}, { read: [DONE] });
    const waiting = await best(() => wait(small));
    const reading = await best(() => large.readParameters());
    const readingLittle = await best(() => small.readParameters());
    const writing = await best(async () => {
      await large.writeParameters(values);
      await wait(small);
    });
    const computing = await best(() => wait(busy));
    const both = await best(async () => {
      await busy.run(programName(1), {}, { read: false });
      await large.writeParameters(values);
      await wait(small);
    });
    const hidden = (computing + writing - waiting - both) / Math.min(computing, writing);
    return {
      deviceToHostBytesPerSecond: bytes / Math.max(1e-9, reading - readingLittle),
      hostToDeviceBytesPerSecond: bytes / Math.max(1e-9, writing - waiting),
      transferSeconds: readingLittle,
      // In WebAssembly the one thread copies and computes.
      overlap: target === 'wasm' ? 0 : Math.max(0, Math.min(1, hidden)),
    };
  } finally {
    small.destroy();
    large.destroy();
    busy.destroy();
  }
}
