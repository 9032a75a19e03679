import type { Target } from '../../ir/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { BuildCommandOptions } from './build.ts';
import type { HostChoices } from './run-session.ts';

// Options that say nothing of what a command does with what it is given. They are warned of: the same words may serve another plan.

/** Targets that listen to an option of `btc run`, and whether it was given. */
const RUN_OPTIONS = [
  ['--threads', 'wasm', ({ threads }: HostChoices) => threads !== undefined],
  ['--relaxed-simd', 'wasm', ({ relaxedSimd }: HostChoices) => relaxedSimd === true],
] as const;

/** The same of `btc build`; its defaults are no choice. */
const BUILD_OPTIONS = [
  ['--tiles', 'webgpu', ({ tiles }: BuildCommandOptions) => (tiles ?? 'auto') !== 'auto'],
  [
    '--dispatches',
    'webgpu',
    ({ dispatches }: BuildCommandOptions) => (dispatches ?? 'shared') !== 'shared',
  ],
  [
    '--subgroups',
    'webgpu',
    ({ subgroups }: BuildCommandOptions) => (subgroups ?? 'auto') !== 'auto',
  ],
  [
    '--subgroup-matrix',
    'webgpu',
    ({ subgroupMatrix }: BuildCommandOptions) => subgroupMatrix === true,
  ],
] as const;

/** A warning BTC6034 for each option of `btc run` that the target which a plan runs on does not listen to. */
export function idleRunOptions(options: HostChoices, file: string, target: Target): Diagnostic[] {
  return RUN_OPTIONS.flatMap(([option, wanted, isGiven]) =>
    wanted !== target && isGiven(options)
      ? [idle(option, `plans for ${wanted}`, `'${file}' is one for ${target}`)]
      : [],
  );
}

/** The same for `btc build`, where no plan is built for the target that would listen. */
export function idleBuildOptions(options: BuildCommandOptions): Diagnostic[] {
  return BUILD_OPTIONS.flatMap(([option, wanted, isGiven]) =>
    !options.target.includes(wanted) && isGiven(options)
      ? [idle(option, wanted, `plans are built for ${options.target.join(' and ')}`)]
      : [],
  );
}

/** The same for options that say how a model is built, of a command that was given a plan. */
export function idleModelOptions(
  options: Readonly<Record<`--${string}`, unknown>>,
  file: string,
): Diagnostic[] {
  return Object.entries(options).flatMap(([option, value]) =>
    value === undefined ? [] : [idle(option, 'models', `'${file}' is a plan`)],
  );
}

function idle(option: string, wanted: string, found: string): Diagnostic {
  return diagnostic(6034, null, { option, wanted, found }, { category: 'warning' });
}
