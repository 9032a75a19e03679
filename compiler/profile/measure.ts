import { DTYPES } from '../../ir/dtypes.ts';
import type { Kernel } from '../../ir/kernel.ts';
import type { Target } from '../../ir/plan.ts';
import { TARGETS } from '../targets/index.ts';
import {
  type Benchmark,
  type BenchmarkFamily,
  COMPUTING,
  FEW_INVOCATIONS,
  MANY_INVOCATIONS,
  SCALES,
  STEP,
  STREAMING,
} from './benchmarks.ts';
import { fitRates, type Sample } from './fit.ts';
import { KERNEL_CLASSES, type KernelClass, kernelClass } from './kernel-class.ts';
import type { DeviceProfile, WorkgroupRates } from './profile.ts';
import {
  type Bench,
  type KernelTimes,
  type OpenSession,
  timeKernel,
  timeTransfers,
} from './timing.ts';

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

/** A step that takes longer than this is long enough to be measured well. */
const LONG_STEP_SECONDS = 4e-4;
/** Tensors of more bytes than this are not in a cache. */
const CACHED_BYTES = 2 ** 22;
const FASTEST = 1e-16;
const LEAST_SECONDS = 1e-9;

/** Measures a device by running small plans on it. Rejects with the runtime's errors. */
export async function measureDevice({
  target,
  open,
  now = () => performance.now(),
  onProgress,
}: Measuring): Promise<DeviceRates> {
  const { limits, hasWorkgroups } = TARGETS[target];
  const bench: Bench = { target, limits, open, now };
  const count = COMPUTING.length + 5;
  let number = 0;
  const timed = (benchmark: Benchmark) => {
    onProgress?.(benchmark.name, ++number, count);
    return timeKernel(benchmark, bench);
  };
  const streaming = await timed(STREAMING);
  const step = await timed(STEP);
  const concurrentInvocations = hasWorkgroups
    ? concurrency(await timed(FEW_INVOCATIONS), await timed(MANY_INVOCATIONS))
    : 1;
  const kernels: TimedKernel[] = [];
  for (const family of COMPUTING) {
    onProgress?.(family(1).name, ++number, count);
    kernels.push(await timeFamily(family, bench));
  }
  onProgress?.('transfers', count, count);
  const transfers = await timeTransfers(bench);
  return {
    ...fitKernels(kernels, bench, concurrentInvocations),
    memoryBytesPerSecond: bytesOf(STREAMING.kernel) / streaming.seconds,
    submitSeconds: Math.max(LEAST_SECONDS, step.once - 2 * step.seconds),
    ...transfers,
  };
}

interface TimedKernel {
  readonly kernel: Kernel;
  readonly seconds: number;
}

/** The family at growing scales, up to where a step is long or its tensors are large. */
async function timeFamily(family: BenchmarkFamily, bench: Bench): Promise<TimedKernel> {
  let timed: TimedKernel | null = null;
  for (const scale of SCALES) {
    const benchmark = family(scale);
    const { kernel } = benchmark;
    if (timed && (timed.seconds > LONG_STEP_SECONDS || bytesOf(kernel) > CACHED_BYTES)) break;
    timed = { kernel, seconds: (await timeKernel(benchmark, bench)).seconds };
  }
  return timed!;
}

function bytesOf({ buffers }: Kernel): number {
  return buffers.reduce((sum, { dtype, elements }) => sum + elements * DTYPES[dtype].bytes, 0);
}

/** Invocations that keep a device busy, by the time of loops that few run and that as much work takes spread over many. */
function concurrency(few: KernelTimes, many: KernelTimes): number {
  const points = (benchmark: Benchmark) => benchmark.kernel.axes[0].extent;
  const work = ({ kernel }: Benchmark) => kernel.axes[0].extent * kernel.axes[1].extent;
  const ratio = (few.seconds / work(FEW_INVOCATIONS)) * (work(MANY_INVOCATIONS) / many.seconds);
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
  kernels: readonly TimedKernel[],
  { target, limits }: Bench,
  concurrentInvocations: number,
) {
  const samples = kernels.map(({ kernel, seconds }): Sample<Resource> => {
    const { plain, functions, randoms, barriers, invocations } = TARGETS[target].work(
      kernel,
      limits,
    );
    const kind = kernelClass(kernel);
    const shared = kind === 'contraction' ? 'shared contraction' : 'shared reduction';
    const busy = Math.min(1, invocations / concurrentInvocations);
    return {
      seconds,
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
    workgroups: TARGETS[target].hasWorkgroups ? workgroups : null,
    dispatchSeconds: Math.max(LEAST_SECONDS, costs.steps),
  };
}
