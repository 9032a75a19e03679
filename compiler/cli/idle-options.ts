import { isFloat } from '../../ir/dtypes.ts';
import type { Plan, PlanInput, Target } from '../../ir/plan.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import type { BuildCommandOptions } from './build.ts';
import type { ExportCommandOptions } from './export.ts';
import type { InspectCommandOptions } from './inspect.ts';
import type { RunCommandOptions } from './run.ts';
import type { VerifyCommandOptions } from './verify.ts';
import type { WeightsCommandOptions } from './weights.ts';

// Options that say nothing of what a command does with what it is given. They are warned of: the same words may serve another plan.

/** An option, when it says something, and whether it is given without that. */
interface Rule<Given> {
  readonly option: string;
  readonly wanted: string;
  /** What there is instead. */
  readonly found: string | ((given: Given) => string);
  readonly isIdle: (given: Given) => boolean;
}

function idle<Given>(rules: readonly Rule<Given>[], given: Given): Diagnostic[] {
  return rules
    .filter(({ isIdle }) => isIdle(given))
    .map(({ option, wanted, found }) =>
      idleOption(option, wanted, typeof found === 'string' ? found : found(given)),
    );
}

function idleOption(option: string, wanted: string, found: string): Diagnostic {
  return diagnostic(6034, null, { option, wanted, found }, { category: 'warning' });
}

/** A build, for which devices, and whether its plans keep a budget. */
interface Build extends BuildCommandOptions {
  readonly device: DeviceLimits | null;
  readonly isWithinBudget: boolean;
}

/** Options of targets; defaults are no choice. */
const OF_WEBGPU: readonly (readonly [string, (given: Build) => boolean])[] = [
  ['--tiles', ({ tiles }) => (tiles ?? 'auto') !== 'auto'],
  ['--dispatches', ({ dispatches }) => (dispatches ?? 'shared') !== 'shared'],
  ['--subgroups', ({ subgroups }) => (subgroups ?? 'auto') !== 'auto'],
  ['--subgroup-matrix', ({ subgroupMatrix }) => subgroupMatrix === true],
];

const isForGpu = ({ target }: Build) => target.includes('webgpu');

const hasSwaps = ({ isWithinBudget, swap = 'auto' }: Build) =>
  swap === 'auto' ? isWithinBudget : swap !== 'none';

const isCut = ({ isWithinBudget, microBatch = 'none' }: Build) =>
  microBatch === 'auto' ? isWithinBudget : microBatch !== 'none' && microBatch > 1;

const UNBOUNDED = { wanted: 'plans within a --budget', found: 'none is given' };

const BUILD_RULES: readonly Rule<Build>[] = [
  ...OF_WEBGPU.map(
    ([option, isGiven]): Rule<Build> => ({
      ...{ option, wanted: 'webgpu' },
      found: ({ target }) => `plans are built for ${target.join(' and ')}`,
      isIdle: (given) => !isForGpu(given) && isGiven(given),
    }),
  ),
  {
    ...{ option: '--subgroups', wanted: 'devices whose --limits say how large subgroups are' },
    found: 'none do',
    isIdle: (given) =>
      isForGpu(given) && given.subgroups === 'never' && given.device?.minSubgroupSize === undefined,
  },
  {
    ...{ option: '--subgroup-matrix', wanted: 'devices whose --limits name products of matrices' },
    found: 'none do',
    isIdle: (given) =>
      isForGpu(given) &&
      given.subgroupMatrix === true &&
      (given.device?.subgroupMatrices ?? []).length === 0,
  },
  {
    ...{ option: '--solve', ...UNBOUNDED },
    isIdle: ({ isWithinBudget, solve }) => !isWithinBudget && solve === 'exact',
  },
  {
    ...{ option: '--plan-seconds', ...UNBOUNDED },
    isIdle: ({ isWithinBudget, planSeconds }) => !isWithinBudget && planSeconds !== undefined,
  },
  {
    ...{ option: '--half', ...UNBOUNDED },
    isIdle: ({ isWithinBudget, half }) => !isWithinBudget && half === 'auto',
  },
  {
    ...{ option: '--half', wanted: 'activations of f32', found: '--precision says f16' },
    isIdle: ({ isWithinBudget, half, precision }) =>
      isWithinBudget && half === 'auto' && precision === 'f16',
  },
  {
    ...{ option: '--micro-batch', ...UNBOUNDED },
    isIdle: ({ isWithinBudget, microBatch }) => !isWithinBudget && microBatch === 'auto',
  },
  {
    ...{ option: '--micro-batch-norm', wanted: 'batches that --micro-batch cuts' },
    found: 'none is cut',
    isIdle: (given) => given.microBatchNorm === true && !isCut(given),
  },
  {
    ...{ option: '--host-budget', wanted: 'values that a --budget or a policy of --swap swaps' },
    found: 'none is swapped',
    isIdle: (given) => given.hostBudget !== undefined && !hasSwaps(given),
  },
  {
    ...{ option: '--spill-budget', wanted: 'values that a --budget or a policy of --swap swaps' },
    found: 'none is swapped',
    isIdle: (given) => given.spillBudget !== undefined && !hasSwaps(given),
  },
  {
    ...{ option: '--spill-budget', wanted: 'what a --host-budget has no room for' },
    found: 'none is given',
    isIdle: (given) =>
      given.spillBudget !== undefined && given.hostBudget === undefined && hasSwaps(given),
  },
  {
    ...{ option: '--outDir', wanted: 'builds that write files', found: '--noEmit is given' },
    isIdle: ({ noEmit, outDir }) => noEmit === true && !['', 'out'].includes(outDir),
  },
];

/** A warning BTC6034 for each option of `btc build` that changes none of its plans. */
export function idleBuildOptions(
  options: BuildCommandOptions,
  device: DeviceLimits | null,
): Diagnostic[] {
  return idle(BUILD_RULES, { ...options, device, isWithinBudget: options.budget !== undefined });
}

/** The same of `btc sweep`, whose plans keep budgets. */
export function idleSweepOptions(
  options: BuildCommandOptions,
  device: DeviceLimits | null,
): Diagnostic[] {
  return idle(BUILD_RULES, { ...options, device, isWithinBudget: true });
}

interface Run extends Omit<RunCommandOptions, 'steps'> {
  readonly file: string;
  readonly target: Target;
  readonly spillBytes: number;
  readonly inputs: readonly PlanInput[];
}

const ofTarget = (option: string, wanted: Target, isGiven: (given: Run) => boolean): Rule<Run> => ({
  ...{ option, wanted: `plans for ${wanted}` },
  found: ({ file, target }) => `'${file}' is one for ${target}`,
  isIdle: (given) => given.target !== wanted && isGiven(given),
});

const randomInputs = ({ inputs, input = {} }: Run) =>
  inputs.filter(
    ({ name, default: fallback, counter }) =>
      !Object.hasOwn(input, name) && fallback === null && !counter,
  );

const RUN_RULES: readonly Rule<Run>[] = [
  ofTarget('--threads', 'wasm', ({ threads }) => threads !== undefined),
  ofTarget('--relaxed-simd', 'wasm', ({ relaxedSimd }) => relaxedSimd === true),
  {
    ...{ option: '--seed', wanted: 'random inputs', found: 'none is random' },
    isIdle: (given) => given.seed !== 1 && randomInputs(given).length === 0,
  },
  {
    ...{ option: '--classes', wanted: 'random inputs of whole numbers', found: 'there is none' },
    isIdle: (given) =>
      given.classes !== undefined &&
      randomInputs(given).every(({ dtype, ranges = [] }) => isFloat(dtype) && ranges.length === 0),
  },
  {
    ...{ option: '--spillDirectory', wanted: 'plans that spill to a file' },
    found: ({ file }) => `'${file}' does not`,
    isIdle: ({ spillDirectory, spillBytes }) => spillDirectory !== undefined && spillBytes === 0,
  },
];

/** A warning BTC6034 for each option of `btc run` that the plan, or the inputs of the program, do not listen to. */
export function idleRunOptions(
  options: Omit<RunCommandOptions, 'steps'>,
  file: string,
  { target, memory: { spillBytes } }: Pick<Plan, 'target' | 'memory'>,
  inputs: readonly PlanInput[],
): Diagnostic[] {
  return idle(RUN_RULES, { ...options, file, target, spillBytes, inputs });
}

/** The same of `btc export`. */
export function idleExportOptions({ format, mesh }: ExportCommandOptions): Diagnostic[] {
  return format === 'stablehlo' || mesh === undefined
    ? []
    : [idleOption('--mesh', '--format stablehlo', `the format is ${format}`)];
}

/** The same of `btc inspect`: of what it shows, one thing at a time. */
export function idleInspectOptions(options: InspectCommandOptions): Diagnostic[] {
  const { why, dot, json, all, kernels } = options;
  const shown = why !== undefined ? '--why' : dot ? '--dot' : json ? '--json' : null;
  if (shown === null) return [];
  const given = { '--all': all, '--kernels': kernels };
  return Object.entries(given).flatMap(([option, isGiven]) =>
    isGiven ? [idleOption(option, 'tables', `${shown} is given, which shows none`)] : [],
  );
}

/** The same of `btc verify`. */
export function idleVerifyOptions(
  { module }: VerifyCommandOptions,
  file: string,
  { target }: Plan,
): Diagnostic[] {
  return module === undefined || TARGET_RULES[target].hasModule
    ? []
    : [idleOption('--module', 'plans that have one', `'${file}' is one for ${target}`)];
}

/** The same of `btc weights` without a plan or model. */
export function idleWeightsOptions(options: WeightsCommandOptions): Diagnostic[] {
  const { layout, rename = [], set } = options;
  const given = { '--layout': layout, '--rename': rename.length > 0 || undefined, '--set': set };
  return Object.entries(given).flatMap(([option, value]) =>
    value === undefined
      ? []
      : [idleOption(option, 'what a plan or a model takes of a file', 'neither is given')],
  );
}

/** The same for options that say how a model is built, of a command that was given a plan. */
export function idleModelOptions(
  options: Readonly<Record<`--${string}`, unknown>>,
  file: string,
): Diagnostic[] {
  return Object.entries(options).flatMap(([option, value]) =>
    value === undefined ? [] : [idleOption(option, 'models', `'${file}' is a plan`)],
  );
}
