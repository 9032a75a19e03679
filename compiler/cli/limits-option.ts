import type { Target } from '../../ir/plan.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { findNodeGpu } from '../../node/gpu.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { checkProfile } from '../profile/check.ts';
import { type DeviceLimits, fromWebgpuLimits, isWebgpuLimits } from '../profile/device-limits.ts';
import { checkLimits, limitsOf, noLimits, unknownLimits } from '../profile/limits-option.ts';
import { type DeviceProfile, PROFILE_FORMAT } from '../profile/profile.ts';
import { isProfileName } from '../profile/shipped.ts';
import { LOOKS_LIKE_A_PATH, readJsonFile } from './file-kinds.ts';

type Found = { readonly limits: DeviceLimits } | { readonly diagnostics: readonly Diagnostic[] };

/** What `--limits` says: `default`, `adapter`, the name of a profile, or a file of limits or of a profile. */
export async function findLimits(given: string, targets: readonly Target[]): Promise<Found> {
  if (given === 'default') return { limits: {} };
  if (!targets.some((target) => TARGET_RULES[target].hasLimits))
    return fail(diagnostic(5027, null, { name: given, targets: targets.join(' and ') }));
  if (given === 'adapter') return adapterLimits();
  if (isProfileName(given)) return limitsOf(given);
  const read = await readJsonFile(given, 'limits');
  if ('value' in read) return limitsIn(read.value, given);
  const missing = read.diagnostic.code === 'BTC6003' && !LOOKS_LIKE_A_PATH.test(given);
  return fail(missing ? unknownLimits(given, ['default', 'adapter']) : read.diagnostic);
}

const fail = (...diagnostics: readonly Diagnostic[]): Found => ({ diagnostics });

/** What the adapter of this machine offers, as `load` finds it. */
async function adapterLimits(): Promise<Found> {
  const { gpu, reason } = await findNodeGpu();
  const adapter = await (gpu as GPU | null)?.requestAdapter({
    powerPreference: 'high-performance',
  });
  if (!adapter) return fail(diagnostic(5026, null, { reason: reason ?? 'the adapter has gone' }));
  return limitsIn({ ...limitsOfAdapter(adapter), of: adapterName(adapter) }, 'adapter');
}

export function adapterName({ info: { vendor, device, description } }: GPUAdapter): string {
  return [vendor, device || description].filter(Boolean).join(' ') || 'GPU';
}

/** A workgroup has one axis: its invocations are limited along that as well. Sizes of subgroups count where there is the feature. */
export function limitsOfAdapter(adapter: GPUAdapter): DeviceLimits {
  const { limits, features, info } = adapter;
  const { maxComputeInvocationsPerWorkgroup: all, maxComputeWorkgroupSizeX: along } = limits;
  return {
    ...fromWebgpuLimits(limits as unknown as Readonly<Record<string, unknown>>),
    maxWorkgroupInvocations: Math.min(all, along),
    ...(features.has('subgroups') && info.subgroupMinSize > 1
      ? { minSubgroupSize: info.subgroupMinSize }
      : {}),
    ...matricesOf(adapter),
  };
}

/** Of a file: limits under the names here or WebGPU's, or a profile. */
function limitsIn(value: unknown, file: string): Found {
  if ((value as { format?: unknown } | null)?.format === PROFILE_FORMAT) {
    const problems = checkProfile(value, file);
    if (problems.length > 0) return fail(...problems);
    const { limits, adapter } = value as DeviceProfile;
    return limits ? { limits: { of: adapter, ...limits } } : fail(noLimits(file));
  }
  const limits = isWebgpuLimits(value) ? fromWebgpuLimits(value) : value;
  const problems = checkLimits(limits, file);
  return problems.length > 0
    ? fail(...problems)
    : { limits: { of: file, ...(limits as DeviceLimits) } };
}

/** What adapters say of subgroup matrices, which the types of WebGPU do not have yet. */
interface MatrixInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
}

/** Products of matrices that add up in f32, where subgroups are of one size. */
function matricesOf({ features, info }: GPUAdapter): Pick<DeviceLimits, 'subgroupMatrices'> {
  const { subgroupMinSize: subgroupSize, subgroupMaxSize } = info;
  const isThere = features.has('chromium-experimental-subgroup-matrix');
  if (!isThere || subgroupSize !== subgroupMaxSize) return {};
  const all = [...((info as MatrixInfo).subgroupMatrixConfigs ?? [])];
  const subgroupMatrices = all.flatMap(({ componentType, resultComponentType, M, N, K }) =>
    resultComponentType === 'f32' && (componentType === 'f16' || componentType === 'f32')
      ? [{ component: componentType, m: M, n: N, k: K, subgroupSize } as const]
      : [],
  );
  return subgroupMatrices.length > 0 ? { subgroupMatrices } : {};
}
