import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan } from '../../ir/plan.ts';
import { PLAN_FEATURES } from '../../ir/plan-features.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { findNodeGpu } from '../../node/gpu.ts';
import { codeLimits } from '../codegen/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatAmount, formatSeconds } from '../format.ts';
import type { OptionValue } from '../frontend/option.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { SHIPPED_PROFILES } from '../profile/shipped.ts';
import { type TuningResult, tuneKernels, withTuned } from '../profile/tune.ts';
import { TARGETS } from '../targets/index.ts';
import { unwritable } from './file-reason.ts';
import { adapterName, limitsOfAdapter } from './limits-option.ts';
import { outputProblem } from './output-problem.ts';
import { readPlanFile } from './plan-file.ts';
import { type Load, rounded, showMeasurements } from './profile.ts';
import { findProfile } from './profile-file.ts';
import { formatPlain, fromBtc } from './report.ts';
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
  const progress = showMeasurements();
  let device: GPUDevice | null = null;
  try {
    const unfit = await outputProblem([file], { '--output': options.output });
    if (unfit) {
      say(unfit);
      return 1;
    }
    const read = await planOf(file, options);
    if (typeof read === 'number') return read;
    if ('diagnostic' in read) {
      say(read.diagnostic);
      return 1;
    }
    const { plan } = read;
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
    const { load } = (await import('btc-compiler/runtime' as string)) as { load: Load };
    const { maxBufferBytes = 0, maxBindingBytes = 0 } = opened.limits;
    const limits = {
      ...WEBGPU_DEFAULT_LIMITS,
      ...{ maxBufferBytes, maxBindingBytes },
      ...(plan.limits ? codeLimits(plan.limits) : {}),
      ...subgroupsOf(plan, opened.limits),
    };
    const result = await tuneKernels({
      ...{ plan, profile: base.profile, seconds: options.seconds },
      bench: {
        ...{ target: 'webgpu', limits, now: () => performance.now() },
        open: (made) => load(made, { device: opened.device }),
      },
      onProgress: (kernel, variant, done, count) =>
        progress.show(`${kernel}, ${variant}`, done + 1, count),
    });
    progress.clear();
    const tuned = rounded(withTuned(base.profile, result.kernels));
    try {
      await writeFileAtomically(options.output, `${JSON.stringify(tuned, null, 2)}\n`);
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
}

/** The plan of a file, or of a model that is built for it; the exit code where that fails. */
async function planOf(
  file: string,
  { profile, limits, set }: TuneCommandOptions,
): Promise<{ plan: Plan } | { diagnostic: Diagnostic } | number> {
  if (!/\.[cm]?tsx?$/.test(file)) return readPlanFile(file);
  const { buildCommand } = await import('./build-command.ts');
  const outDir = await mkdtemp(join(tmpdir(), 'btc-tune-'));
  try {
    const code = await buildCommand([file], {
      ...{ target: ['webgpu'], outDir },
      ...(profile === undefined ? {} : { profile: [profile] }),
      ...(limits === undefined ? {} : { limits }),
      ...(set ? { set } : {}),
    });
    if (code !== 0) return code;
    const [name] = (await readdir(outDir)).filter((one) => one.endsWith('.plan.json'));
    return await readPlanFile(join(outDir, name));
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** The profile that is tuned: the one given, else the one that is written over, else the nearest that comes with the compiler. */
async function baseProfile(
  { profile, output }: TuneCommandOptions,
  adapter: string,
): Promise<{ profile: DeviceProfile } | { diagnostics: readonly Diagnostic[] }> {
  const given = profile ?? (existsSync(output) ? output : undefined);
  if (given !== undefined) return findProfile(given);
  const near = Object.values(SHIPPED_PROFILES).find(
    (one) => TARGETS[one.target].hasAdapters && adapter.includes(one.adapter),
  );
  const base = near ?? SHIPPED_PROFILES.h100;
  return { profile: { ...base, name: `${base.name}, tuned on ${adapter}` } };
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
  { kernels, left, tunedSeconds, untunedSeconds }: TuningResult,
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
  return `${[
    `${style.bold(adapter)}: ${formatAmount(kernels.length, 'kernel')} measured, ${changed} faster than by rates alone${left > 0 ? `; ${left} left for want of time: --seconds allows more` : ''}`,
    table([['kernel', 'by rates', 'tuned', '', 'variant'], ...rows]),
    `steps of a run of every program: ${formatSeconds(untunedSeconds)} by rates, ${style.bold(formatSeconds(tunedSeconds))} tuned`,
    `profile: ${style.bold(file)}; btc build --profile ${file} goes by it`,
  ].join('\n')}\n`;
}
