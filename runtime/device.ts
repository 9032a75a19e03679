import type { Plan } from '../ir/plan.ts';
import { type PlanFeature, planMatrices, planSubgroupSize } from '../ir/plan-features.ts';
import { type PlanLimits, planLimits } from '../ir/plan-limits.ts';
import { errorText, RuntimeError } from './errors.ts';
import type {
  GpuDevice,
  GpuDeviceLike,
  GpuFeaturesLike,
  GpuInfoLike,
  GpuLike,
  StandardFeature,
} from './gpu-types.ts';

/** The feature that lets steps be timed on the device. */
export const TIMESTAMPS = 'timestamp-query' as const;

/**
 * A device of `gpu`, by default the browser's, with the limits and features that the plan needs and no others; with `trace` also
 * with timestamps, where the adapter has them. Errors: `no-adapter`, `limit-too-small`, `feature-missing`.
 */
export async function requestDevice<Device extends GpuDeviceLike = GpuDevice>(
  plan: Plan,
  gpu: GpuLike<Device> | undefined = browserGpu(),
  { trace = false }: { readonly trace?: boolean } = {},
): Promise<Device> {
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new RuntimeError(
      'no-adapter',
      `no WebGPU adapter was found here; use the wasm plan of '${plan.name}' or pass a device`,
    );
  const needed = planLimits(plan);
  const what = { kind: 'adapter', name: nameOf(adapter.info) } as const;
  checkLimits(needed, adapter.limits, what);
  checkFeatures(plan, adapter.features, what);
  checkSubgroups(plan, adapter.info, what);
  checkMatrices(plan, adapter.info, what);
  const stamped = trace && adapter.features?.has(TIMESTAMPS);
  const features = [...(plan.features ?? []), ...(stamped ? [TIMESTAMPS] : [])];
  try {
    return await adapter.requestDevice({
      requiredLimits: { ...needed },
      ...(features.length > 0 ? { requiredFeatures: features as StandardFeature[] } : {}),
    });
  } catch (error) {
    throw new RuntimeError('no-adapter', `the adapter gives no device: ${errorText(error)}`);
  }
}

/** Refuses a device that offers less than the plan needs, naming it, the limits or features and what it has. */
export function checkDevice(
  plan: Plan,
  device: Pick<GpuDeviceLike, 'limits' | 'features' | 'adapterInfo'>,
): void {
  const what = { kind: 'device', name: nameOf(device.adapterInfo) } as const;
  checkLimits(planLimits(plan), device.limits, what);
  checkFeatures(plan, device.features, what);
  checkSubgroups(plan, device.adapterInfo, what);
  checkMatrices(plan, device.adapterInfo, what);
}

/** What adapters and devices are called, for people; empty where they do not say. */
export function nameOf({ vendor, device, description }: GpuInfoLike = {}): string {
  return [vendor, device || description].filter(Boolean).join(' ');
}

/** What is checked. */
interface Checked {
  readonly kind: 'adapter' | 'device';
  readonly name: string;
}

const called = ({ kind, name }: Checked) => (name ? `the ${kind} '${name}'` : `the ${kind}`);

/** How to build a plan that does without. */
const WITHOUT: Readonly<Record<PlanFeature, string>> = {
  'shader-f16': 'with --precision f32 and without --half',
  subgroups: 'with --subgroups never',
  'chromium-experimental-subgroup-matrix': 'without --subgroup-matrix',
};

function checkFeatures(plan: Plan, offered: GpuFeaturesLike | undefined, what: Checked): void {
  const missing = (plan.features ?? []).filter((feature) => !offered?.has(feature));
  if (missing.length === 0) return;
  throw new RuntimeError(
    'feature-missing',
    `the plan needs ${missing.join(', ')}, ${called(what)} has ${[...((offered ?? []) as Iterable<string>)].join(', ') || 'no features'}; use another ${what.kind}, or build the plan ${missing.map((feature) => WITHOUT[feature]).join(' and ')}`,
    { whole: true },
  );
}

function checkSubgroups(plan: Plan, info: GpuInfoLike | undefined, what: Checked): void {
  const needed = planSubgroupSize(plan);
  // Where an adapter does not say, the device is tried (`webgpu-subgroups.ts`).
  const { subgroupMinSize: least = needed, subgroupMaxSize: most = least } = info ?? {};
  if (needed === 1 || least >= needed) return;
  throw new RuntimeError(
    'limit-too-small',
    `the plan needs subgroups of at least ${needed} invocations, ${called(what)} has subgroups of ${least} to ${most}; build the plan for the limits of this ${what.kind}, or with --subgroups never`,
    { whole: true },
  );
}

/** Products of matrices are of subgroups of one size, and of the shapes that the adapter has. */
function checkMatrices(plan: Plan, info: GpuInfoLike | undefined, what: Checked): void {
  const { subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs } = info ?? {};
  const has = [...(subgroupMatrixConfigs ?? [])].map(
    ({ componentType, resultComponentType, M, N, K }) =>
      `${M}x${N}x${K} of ${componentType} to ${resultComponentType}`,
  );
  for (const { component, m, n, k, subgroupSize } of planMatrices(plan)) {
    const needed = `${m}x${n}x${k} of ${component} to f32`;
    const isOfSize = subgroupMinSize === subgroupSize && subgroupMaxSize === subgroupSize;
    if (isOfSize && has.includes(needed)) continue;
    const sizes = [
      ...new Set([subgroupMinSize ?? 'an unknown size', subgroupMaxSize ?? subgroupMinSize]),
    ];
    throw new RuntimeError(
      'feature-missing',
      `the plan needs products of matrices ${needed} by subgroups of ${subgroupSize}, ${called(what)} has ${has.join(', ') || 'none'} by subgroups of ${sizes.filter(Boolean).join(' to ')}; build the plan for the limits of this ${what.kind}, or without --subgroup-matrix`,
      { whole: true },
    );
  }
}

function checkLimits(needed: PlanLimits, offered: PlanLimits, what: Checked): void {
  const lacking = (Object.keys(needed) as (keyof PlanLimits)[]).filter(
    (name) => needed[name] > offered[name],
  );
  if (lacking.length === 0) return;
  const list = (limits: PlanLimits) => lacking.map((name) => `${name} ${limits[name]}`).join(', ');
  throw new RuntimeError(
    'limit-too-small',
    `the plan needs ${list(needed)}, ${called(what)} offers ${list(offered)}; ${
      what.kind === 'device'
        ? "request the device with the plan's limits, or "
        : 'use another adapter, or '
    }build the plan for smaller limits`,
    { whole: true },
  );
}

function browserGpu<Device extends GpuDeviceLike>(): GpuLike<Device> | undefined {
  return (globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu as
    | GpuLike<Device>
    | undefined;
}
