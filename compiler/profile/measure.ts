import { storedBytes } from '../../ir/dtypes.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import type { Target } from '../../ir/plan.ts';
import { TARGETS } from '../targets/index.ts';
import {
  type Benchmark,
  type BenchmarkFamily,
  COMPUTING,
  COPIES,
  FEW_INVOCATIONS,
  LARGE_PRODUCT,
  LONG_PRODUCT,
  LONG_SUM,
  MANY_INVOCATIONS,
  SCALES,
  STEP,
  STREAMING,
} from './benchmarks.ts';
import { measuringModel } from './code-model.ts';
import { fitKernels, type TimedKernel } from './fit-kernels.ts';
import type { FormRates, RatePoint, RatesByForm } from './kernel-rates.ts';
import type { DeviceProfile } from './profile.ts';
import { rateAt } from './rate-table.ts';
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
  /** Called with what kernels have told so far, and after how many measurements; what it does not know yet is among `undetermined`. */
  readonly onFound?: (found: KernelFindings, number: number, count: number) => void;
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
  | 'forms'
  | 'sizes'
  | 'undetermined'
>;

/** What times of kernels tell: all but transfers. */
export type KernelFindings = Omit<
  DeviceRates,
  'deviceToHostBytesPerSecond' | 'hostToDeviceBytesPerSecond' | 'transferSeconds' | 'overlap'
>;

/** A step that takes longer than this is long enough to be measured well. */
const LONG_STEP_SECONDS = 4e-4;
/** Steps are told from each other from here on. */
const CLEAR_STEPS = 4;
/** Tensors of more bytes than this are in no cache, and take long to make. */
const LARGE_BYTES = 2 ** 25;
const LEAST_SECONDS = 1e-9;
const LEAST_STEP_SECONDS = 1e-10;
/** Few invocations wait, if many do so many times as much. */
const WAITING = 3;
/** A copy that computes for more than this part of its time does not tell how fast memory is. */
const COMPUTING_SHARE = 0.8;
/** Measurements beside the families of kernels: memory, a step, two of concurrency, transfers. */
const OTHERS = 5;

/** Measures a device by running small plans on it. Rejects with the runtime's errors. */
export async function measureDevice({
  target,
  open,
  now = () => performance.now(),
  onProgress,
  onFound,
}: Measuring): Promise<DeviceRates> {
  const { limits, hasWorkgroups } = TARGETS[target];
  const bench: Bench = { target, limits, open, now };
  const forms = hasWorkgroups ? [LARGE_PRODUCT, LONG_PRODUCT, LONG_SUM] : [];
  const count = COMPUTING.length + COPIES.length + forms.length + OTHERS;
  let number = 0;
  const timed = (benchmark: Benchmark) => {
    onProgress?.(benchmark.name, ++number, count);
    return timeKernel(benchmark, bench);
  };
  const family = (make: BenchmarkFamily) => {
    onProgress?.(make(1).name, ++number, count);
    return timeFamily(make, bench, step.seconds);
  };
  const streaming = await timed(STREAMING);
  const step = await timed(STEP);
  const memory: RatePoint[] = [];
  for (const copy of [...COPIES, STREAMING]) {
    const { seconds } = copy === STREAMING ? streaming : await timed(copy);
    const bytes = bytesOf(copy.kernel);
    memory.push({ bytes, perSecond: bytes / Math.max(LEAST_SECONDS, seconds - step.seconds) });
  }
  const concurrentInvocations = hasWorkgroups
    ? concurrency(await timed(FEW_INVOCATIONS), await timed(MANY_INVOCATIONS))
    : 1;
  const kernels: TimedKernel[] = [];
  const byForm: TimedKernel[] = [];
  const findings = () =>
    kernelFindings(kernels, byForm, bench, { concurrentInvocations, memory, streaming, step });
  for (const make of COMPUTING) {
    kernels.push(...(await family(make)));
    onFound?.(findings(), number, count);
  }
  for (const make of forms) {
    byForm.push((await family(make)).at(-1)!);
    onFound?.(findings(), number, count);
  }
  onProgress?.('transfers', count, count);
  return { ...findings(), ...(await timeTransfers(bench)) };
}

/** What is known before kernels compute: how memory and a step behave. */
interface KnownBefore {
  readonly concurrentInvocations: number;
  readonly memory: readonly RatePoint[];
  readonly streaming: KernelTimes;
  readonly step: KernelTimes;
}

function kernelFindings(
  kernels: readonly TimedKernel[],
  byForm: readonly TimedKernel[],
  bench: Bench,
  { concurrentInvocations, memory, streaming, step }: KnownBefore,
): KernelFindings {
  const { target, limits } = bench;
  const found = formRates(kernels, byForm, bench, { memory, dispatch: step.seconds });
  const fitted = fitKernels([...kernels, ...byForm], bench, {
    ...{ concurrentInvocations, memory, dispatch: step.seconds },
    forms: found,
  });
  const { plain } = TARGETS[target].work(
    STREAMING.kernel,
    limits,
    measuringModel(TARGETS[target].profile),
  );
  const computing = plain / fitted.operationsPerSecond.elementwise;
  const hidden = computing > COMPUTING_SHARE * streaming.seconds ? ['memoryBytesPerSecond'] : [];
  return {
    ...fitted,
    undetermined: [...(fitted.undetermined ?? []), ...hidden],
    sizes: { ...fitted.sizes, memory: [...memory] },
    memoryBytesPerSecond: memory[memory.length - 1].perSecond,
    submitSeconds: Math.max(LEAST_SECONDS, step.once - 2 * step.seconds),
    ...(Object.keys(found).length > 0 ? { forms: found } : {}),
  };
}

/**
 * What one invocation waits for in each step of its loop, by form: of a long loop that few walk, where the device does much more
 * in the same time when many do. Where it does not, the loop computes all the time, and there is nothing to say.
 */
function formRates(
  kernels: readonly TimedKernel[],
  byForm: readonly TimedKernel[],
  { target, limits }: Bench,
  { memory, dispatch }: { readonly memory: readonly RatePoint[]; readonly dispatch: number },
): RatesByForm {
  const timed = [...kernels, ...byForm].map(({ kernel, seconds, form: wanted }) => {
    const model = measuringModel(TARGETS[target].profile, wanted);
    const { form, plain, serial } = TARGETS[target].work(kernel, limits, model);
    const alone = Math.max(LEAST_SECONDS, seconds - dispatch);
    const { bytes } = kernelCost(kernel);
    const moves = bytes / rateAt(memory, bytes) > 0.5 * alone;
    return { form, rate: plain / alone, step: alone / Math.max(1, serial), moves };
  });
  const forms = new Map<string, FormRates>();
  for (const { form, rate, step, moves } of timed.slice(kernels.length)) {
    const full = Math.max(...timed.filter((other) => other.form === form).map(({ rate }) => rate));
    if (form === 'points' || moves || rate * WAITING > full) continue;
    forms.set(form, { stepSeconds: Math.max(LEAST_STEP_SECONDS, step) });
  }
  return Object.fromEntries(forms);
}

/** The family at growing scales, up to where a step is long or its tensors are large: what of it is clearly longer than a step. */
async function timeFamily(
  family: BenchmarkFamily,
  bench: Bench,
  dispatch: number,
): Promise<TimedKernel[]> {
  const timed: TimedKernel[] = [];
  for (const scale of SCALES) {
    const benchmark = family(scale);
    const { kernel, form } = benchmark;
    const last = timed.at(-1);
    if (last && (last.seconds > LONG_STEP_SECONDS || bytesOf(kernel) > LARGE_BYTES)) break;
    if (benchmark === STEP && last) break;
    const { seconds } = await timeKernel(benchmark, bench);
    timed.push({ kernel, seconds, ...(form ? { form } : {}) });
  }
  const clear = timed.filter(({ seconds }) => seconds > CLEAR_STEPS * dispatch);
  return clear.length > 0 ? clear : timed.slice(-1);
}

function bytesOf({ buffers }: Kernel): number {
  return buffers.reduce((sum, { dtype, elements }) => sum + storedBytes(dtype, elements), 0);
}

/** Invocations that keep a device busy, by the time of loops that few run and that as much work takes spread over many. */
function concurrency(few: KernelTimes, many: KernelTimes): number {
  const points = (benchmark: Benchmark) => benchmark.kernel.axes[0].extent;
  const work = ({ kernel }: Benchmark) => kernel.axes[0].extent * kernel.axes[1].extent;
  const ratio = (few.seconds / work(FEW_INVOCATIONS)) * (work(MANY_INVOCATIONS) / many.seconds);
  return Math.min(points(MANY_INVOCATIONS), points(FEW_INVOCATIONS) * Math.max(1, ratio));
}
