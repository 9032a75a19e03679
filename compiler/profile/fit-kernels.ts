import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import type { KernelForm } from '../codegen/work.ts';
import { TARGETS } from '../targets/index.ts';
import { measuringModel } from './code-model.ts';
import { fitRates, type Sample } from './fit.ts';
import { KERNEL_CLASSES, type KernelClass, kernelClass } from './kernel-class.ts';
import type { RatePoint, RatesByForm } from './kernel-rates.ts';
import type { DeviceProfile, WorkgroupRates } from './profile.ts';
import { rateAt } from './rate-table.ts';
import type { Bench } from './timing.ts';

export interface TimedKernel {
  readonly kernel: Kernel;
  readonly form?: KernelForm;
  /** Of one step. */
  readonly seconds: number;
}

type Resource =
  | KernelClass
  | 'steps'
  | 'functions'
  | 'randoms'
  | 'barriers'
  | 'shared contraction'
  | 'shared reduction';

const RESOURCES: readonly Resource[] = [
  ...KERNEL_CLASSES,
  'steps',
  'functions',
  'randoms',
  'barriers',
  'shared contraction',
  'shared reduction',
];

/** Where the rates of a profile are that the fit of a resource gives. */
const PATHS: Readonly<Record<Resource, string>> = {
  contraction: 'operationsPerSecond.contraction',
  reduction: 'operationsPerSecond.reduction',
  elementwise: 'operationsPerSecond.elementwise',
  gather: 'operationsPerSecond.gather',
  scatter: 'operationsPerSecond.scatter',
  steps: 'dispatchSeconds',
  functions: 'functionsPerSecond',
  randoms: 'randomsPerSecond',
  barriers: 'workgroups.barriersPerSecond',
  'shared contraction': 'workgroups.operationsPerSecond.contraction',
  'shared reduction': 'workgroups.operationsPerSecond.reduction',
};

/** Kernels of which memory takes more than this part do not tell what computing takes. */
const MOVING = 0.7;
/** Less than this part is of no account. */
const LITTLE = 0.1;
const FASTEST = 1e-16;
const SLOWEST = 1e-3;
const LEAST_SECONDS = 1e-9;
/** Sizes of one point of a table: powers of this. */
const SIZE_STEP = 8;

/** What is known before. */
interface KnownRates {
  readonly concurrentInvocations: number;
  readonly memory: readonly RatePoint[];
  readonly forms: RatesByForm;
  /** About what a step takes that does nothing, in seconds. */
  readonly dispatch: number;
}

type FittedRates = Pick<
  DeviceProfile,
  | 'operationsPerSecond'
  | 'functionsPerSecond'
  | 'randomsPerSecond'
  | 'workgroups'
  | 'dispatchSeconds'
  | 'sizes'
  | 'undetermined'
>;

/** Rates of computing, from times of kernels; what these do not determine is a bound, and its path is among `undetermined`. */
export function fitKernels(
  kernels: readonly TimedKernel[],
  { target, limits }: Bench,
  { concurrentInvocations, memory, forms, dispatch }: KnownRates,
): FittedRates {
  const all = kernels.map(({ kernel, form, seconds }) => {
    const { bytes } = kernelCost(kernel);
    const work = TARGETS[target].work(
      kernel,
      limits,
      measuringModel(TARGETS[target].profile, form),
    );
    const kind = kernelClass(kernel);
    const shared = kind === 'contraction' ? 'shared contraction' : 'shared reduction';
    const step = work.form === 'points' ? undefined : forms[work.form]?.stepSeconds;
    const busy = step ? 1 : Math.min(1, work.invocations / concurrentInvocations);
    const sample: Sample<Resource> = {
      seconds,
      amounts: {
        steps: 1,
        [work.barriers > 0 ? shared : kind]: work.plain / busy,
        functions: work.functions / busy,
        randoms: work.randoms / busy,
        barriers: work.barriers / busy,
      },
    };
    const elsewhere = Math.max(bytes / rateAt(memory, bytes), work.serial * (step ?? 0));
    const computes = elsewhere <= Math.max(MOVING * (seconds - dispatch), LITTLE * seconds);
    return { kind, bytes, sample, computes };
  });
  const samples = all.filter(({ computes }) => computes);
  const costs = fitRates(
    RESOURCES,
    samples.map(({ sample }) => sample),
    all.filter(({ computes }) => !computes).map(({ sample }) => sample),
  );
  const rate = (resource: Resource) =>
    1 / Math.min(SLOWEST, Math.max(FASTEST, costs[resource].seconds));
  const workgroups: WorkgroupRates = {
    concurrentInvocations,
    barriersPerSecond: rate('barriers'),
    operationsPerSecond: {
      contraction: rate('shared contraction'),
      reduction: rate('shared reduction'),
    },
  };
  const { hasWorkgroups } = TARGETS[target];
  const asked = hasWorkgroups
    ? RESOURCES
    : RESOURCES.filter((resource) => !/barriers|shared/.test(resource));
  return {
    operationsPerSecond: Object.fromEntries(
      KERNEL_CLASSES.map((kind) => [kind, rate(kind)]),
    ) as Record<KernelClass, number>,
    functionsPerSecond: rate('functions'),
    randomsPerSecond: rate('randoms'),
    workgroups: hasWorkgroups ? workgroups : null,
    dispatchSeconds: Math.min(1, Math.max(LEAST_SECONDS, costs.steps.seconds)),
    undetermined: asked.filter((name) => !costs[name].isDetermined).map((name) => PATHS[name]),
    // With workgroups it is not the size but the form that tells rates of one class apart.
    ...(hasWorkgroups ? {} : { sizes: ratesBySize(samples, costs) }),
  };
}

/** Per class the rate at each size: what is left of the times of its samples when all else is taken off. */
function ratesBySize(
  samples: readonly { kind: KernelClass; bytes: number; sample: Sample<Resource> }[],
  costs: ReturnType<typeof fitRates<Resource>>,
): Partial<Record<KernelClass, RatePoint[]>> {
  const tables: Partial<Record<KernelClass, RatePoint[]>> = {};
  for (const kind of KERNEL_CLASSES) {
    const bySize = new Map<number, { size: number; rate: number }[]>();
    for (const { bytes, sample, kind: own } of samples) {
      const plain = sample.amounts[kind] ?? 0;
      if (own !== kind || plain === 0) continue;
      const other = RESOURCES.reduce((sum, name) => {
        const amount = name === kind ? 0 : (sample.amounts[name] ?? 0);
        return sum + (amount === 0 ? 0 : amount * costs[name].seconds);
      }, 0);
      const left = sample.seconds - other;
      if (left < 0.5 * sample.seconds) continue;
      const size = Math.round(Math.log(bytes) / Math.log(SIZE_STEP));
      const point = { size: Math.log(bytes), rate: Math.log(plain / left) };
      bySize.set(size, [...(bySize.get(size) ?? []), point]);
    }
    const table = [...bySize.entries()]
      .sort(([a], [b]) => a - b)
      .map(([, points]): RatePoint => {
        const mean = (of: (point: { size: number; rate: number }) => number) =>
          Math.exp(points.reduce((sum, point) => sum + of(point), 0) / points.length);
        return { bytes: mean(({ size }) => size), perSecond: mean(({ rate }) => rate) };
      });
    if (table.length > 0) tables[kind] = table;
  }
  return tables;
}
