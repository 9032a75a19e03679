import { existsSync } from 'node:fs';
import type { Plan } from '../../ir/plan.ts';
import { PLAN_FEATURES } from '../../ir/plan-features.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { findNodeGpu } from '../../node/gpu.ts';
import { codeLimits } from '../codegen/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatAmount, formatSeconds } from '../format.ts';
import type { OptionValue } from '../frontend/option.ts';
import { targetProblem } from '../profile/check.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import type { DeviceProfile, TunedKernel } from '../profile/profile.ts';
import { isProfileName } from '../profile/shipped.ts';
import { type TuningResult, tuneKernels, withTuned } from '../profile/tune.ts';
import { TARGETS } from '../targets/index.ts';
import { verifyTexts } from '../verify/index.ts';
import { type Ending, withCleanup } from './ending.ts';
import { unwritable } from './file-reason.ts';
import { idleModelOptions } from './idle-options.ts';
import { keepFound, sayInterrupted } from './interrupted.ts';
import { adapterName, limitsOfAdapter } from './limits-option.ts';
import { otherAdapter } from './other-adapter.ts';
import { outputProblem } from './output-problem.ts';
import { readPlanFile } from './plan-file.ts';
import { planOfModel } from './plan-of-model.ts';
import { type Load, rounded, showMeasurements } from './profile.ts';
import { findProfile, nearestProfile } from './profile-file.ts';
import { formatPlain, fromBtc, printDiagnostics, type ReportedDiagnostic } from './report.ts';
import { style } from './style.ts';
import { table } from './table.ts';
import { problemOf } from './usage.ts';

export interface TuneCommandOptions {
  readonly output: string;
  readonly profile?: string;
  readonly limits?: string;
  readonly set?: Readonly<Record<string, OptionValue>>;
  readonly seconds: number;
  readonly json?: boolean;
}

/** Kernels in the table on the terminal. */
const SHOWN = 12;

export async function tuneCommand(file: string, options: TuneCommandOptions): Promise<number> {
  const say = (problem: Diagnostic) => console.error(formatPlain(fromBtc(problem)));
  // Of `--json` nothing but data goes to the standard output.
  const output = options.json ? process.stderr : process.stdout;
  const print = (diagnostics: readonly ReportedDiagnostic[]) =>
    printDiagnostics(diagnostics, output.isTTY ?? false, (text) => output.write(text));
  const progress = showMeasurements();
  let found: { readonly text: () => string; readonly count: number } | null = null;
  const keep = (ending: Ending) => {
    progress.clear();
    if (!found) return sayInterrupted(ending, 'no kernel is measured yet, and nothing was written');
    keepFound(
      options.output,
      found.text(),
      `${formatAmount(found.count, 'kernel')} measured so far`,
    );
  };
  const tune = async (): Promise<number> => {
    let device: GPUDevice | null = null;
    try {
      const unfit = await outputProblem([file], { '--output': options.output });
      if (unfit) {
        say(unfit);
        return 1;
      }
      const { plan, diagnostics } = await planOf(file, options);
      print(diagnostics);
      if (!plan) return 1;
      if (!TARGETS[plan.target].hasAdapters) {
        say(diagnostic(6031, null, { file, target: plan.target }));
        return 1;
      }
      const opened = await openWidely();
      device = opened.device;
      const base = await baseProfile(options, opened.name);
      if ('diagnostics' in base) {
        base.diagnostics.forEach(say);
        return 1;
      }
      if (base.foreign) say(base.foreign);
      const { load } = (await import('btc-compiler/runtime' as string)) as { load: Load };
      const { maxBufferBytes = 0, maxBindingBytes = 0 } = opened.limits;
      const limits = {
        ...WEBGPU_DEFAULT_LIMITS,
        ...{ maxBufferBytes, maxBindingBytes },
        ...(plan.limits ? codeLimits(plan.limits) : {}),
        ...subgroupsOf(plan, opened.limits),
      };
      const profileText = (kernels: readonly TunedKernel[]) =>
        `${JSON.stringify(rounded(withTuned(base.profile, kernels)), null, 2)}\n`;
      const result = await tuneKernels({
        ...{ plan, profile: base.profile, seconds: options.seconds },
        bench: {
          ...{ target: 'webgpu', limits, now: () => performance.now() },
          open: (made) => load(made, { device: opened.device }),
        },
        onProgress: (kernel, variant, done, count) =>
          progress.show(`${kernel}, ${variant}`, done + 1, count),
        onFound: (kernels) => {
          if (kernels.length > 0)
            found = { text: () => profileText(kernels), count: kernels.length };
        },
      });
      progress.clear();
      try {
        await writeFileAtomically(options.output, profileText(result.kernels));
      } catch (error) {
        say(unwritable(options.output, error));
        return 1;
      }
      if (options.json) console.log(JSON.stringify(rounded(result), null, 2));
      else process.stdout.write(formatTuning(result, opened.name, options.output));
      return 0;
    } catch (error) {
      progress.clear();
      say(problemOf(error));
      return 1;
    } finally {
      device?.destroy();
    }
  };
  return withCleanup(keep, tune);
}

/** The plan of a file, or of a model that is built for it; none where that fails. */
async function planOf(
  file: string,
  { profile, limits, set }: TuneCommandOptions,
): Promise<{ readonly plan?: Plan; readonly diagnostics: readonly ReportedDiagnostic[] }> {
  if (!/\.[cm]?tsx?$/.test(file)) {
    const read = await readPlanFile(file);
    if ('diagnostic' in read) return { diagnostics: [fromBtc(read.diagnostic)] };
    const wrong = verifyTexts(read.plan).map((one) => diagnostic(5030, null, { file, ...one }));
    if (wrong.length > 0) return { diagnostics: wrong.map(fromBtc) };
    const idle = idleModelOptions({ '--limits': limits, '--set': set }, file);
    return { plan: read.plan, diagnostics: idle.map(fromBtc) };
  }
  const target = ['webgpu'] as const;
  const { readLimits, readProfiles } = await import('./build-command.ts');
  const profiles = await readProfiles({
    target,
    ...(profile === undefined ? {} : { profile: [profile] }),
  });
  const device = await readLimits({
    outDir: '',
    target,
    ...(limits === undefined ? {} : { limits }),
  });
  const problems = [
    ...profiles.diagnostics,
    ...('diagnostics' in device ? device.diagnostics : []),
  ];
  if (problems.length > 0) return { diagnostics: problems.map(fromBtc) };
  return planOfModel(file, {
    ...{ target: 'webgpu', profiles: profiles.byTarget },
    limits: 'limits' in device ? device.limits : null,
    ...(set ? { set } : {}),
  });
}

/** The profile that is tuned: the one given, else the one that is written over, else the nearest that comes with the compiler. */
async function baseProfile(
  { profile, output }: TuneCommandOptions,
  adapter: string,
): Promise<BaseProfile | { readonly diagnostics: readonly Diagnostic[] }> {
  // Plans name profiles, and those that come with the compiler are what they are.
  const tunedHere = (base: DeviceProfile) => ({
    ...base,
    name: `${base.name}, tuned on ${adapter}`,
  });
  const given = profile ?? (existsSync(output) ? output : undefined);
  if (given === undefined) {
    return { profile: tunedHere(nearestProfile('webgpu', adapter)), foreign: null };
  }
  const found = await findProfile(given);
  if ('diagnostics' in found) return found;
  const problems = targetProblem(found.profile, ['webgpu']);
  if (problems.length > 0) return { diagnostics: problems };
  return {
    profile: isProfileName(given) ? tunedHere(found.profile) : found.profile,
    foreign: otherAdapter({ plan: found.profile, description: adapter }),
  };
}

interface BaseProfile {
  readonly profile: DeviceProfile;
  /** A warning, where the profile is of another adapter. */
  readonly foreign: Diagnostic | null;
}

/** Subgroups as the plan may use them and the device has them. */
function subgroupsOf(
  { limits }: Plan,
  device: DeviceLimits,
): Pick<DeviceLimits, 'minSubgroupSize' | 'subgroupMatrices'> {
  const minSubgroupSize = Math.min(limits?.minSubgroupSize ?? 1, device.minSubgroupSize ?? 1);
  const has = new Set(device.subgroupMatrices?.map((one) => JSON.stringify(one)));
  const matrices = limits?.subgroupMatrices?.filter((one) => has.has(JSON.stringify(one))) ?? [];
  return {
    minSubgroupSize: minSubgroupSize > 1 ? minSubgroupSize : undefined,
    subgroupMatrices: matrices.length > 0 ? matrices : undefined,
  };
}

/** A device with all that its adapter gives to a workgroup and a binding. */
async function openWidely() {
  const { gpu, reason } = await findNodeGpu();
  if (!gpu) throw new Error(`${reason}; kernels are tuned on the device that they are for`);
  const adapter = await (gpu as GPU).requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('the WebGPU adapter has gone');
  const all = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: PLAN_FEATURES.filter((feature) =>
      adapter.features.has(feature),
    ) as GPUFeatureName[],
    requiredLimits: {
      maxComputeWorkgroupStorageSize: all.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: all.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: all.maxComputeWorkgroupSizeX,
      maxStorageBufferBindingSize: all.maxStorageBufferBindingSize,
      maxBufferSize: all.maxBufferSize,
      maxStorageBuffersPerShaderStage: all.maxStorageBuffersPerShaderStage,
    },
  });
  return { device, name: adapterName(adapter), limits: limitsOfAdapter(adapter) };
}

export function formatTuning(
  { kernels, left, refused, tunedSeconds, untunedSeconds }: TuningResult,
  adapter: string,
  file: string,
): string {
  const rows = kernels
    .slice(0, SHOWN)
    .map(({ name, variant, seconds, untunedSeconds: plain }) => [
      name,
      formatSeconds(plain),
      formatSeconds(seconds),
      `${(plain / seconds).toFixed(2)}x`,
      variant,
    ]);
  const changed = kernels.filter(({ seconds, untunedSeconds: plain }) => seconds < plain).length;
  const more = left > 0 ? `; ${left} left for want of time: --seconds allows more` : '';
  const [first] = refused;
  return `${[
    `${style.bold(adapter)}: ${formatAmount(kernels.length, 'kernel')} measured, ${changed} faster than by rates alone${more}`,
    ...(first
      ? [
          `${formatAmount(refused.length, 'variant')} refused by the device, the first '${first.variant}' of ${first.name}: ${first.reason}`,
        ]
      : []),
    ...(kernels.length > 0
      ? [
          table([['kernel', 'by rates', 'tuned', '', 'variant'], ...rows]),
          `steps of a run of every program: ${formatSeconds(untunedSeconds)} by rates, ${style.bold(formatSeconds(tunedSeconds))} tuned`,
        ]
      : []),
    `profile: ${style.bold(file)}; btc build --profile ${file} goes by it`,
  ].join('\n')}\n`;
}
