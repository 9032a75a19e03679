import type { Plan } from '../ir/plan.ts';
import { type PlanLimits, planLimits } from '../ir/plan-limits.ts';
import { errorText, RuntimeError } from './errors.ts';
import type { GpuDevice, GpuDeviceLike, GpuFeaturesLike, GpuLike } from './gpu-types.ts';

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
  checkLimits(needed, adapter.limits, 'adapter');
  checkFeatures(plan, adapter.features, 'adapter');
  const stamped = trace && adapter.features?.has(TIMESTAMPS);
  const features = [...(plan.features ?? []), ...(stamped ? [TIMESTAMPS] : [])];
  try {
    return await adapter.requestDevice({
      requiredLimits: { ...needed },
      ...(features.length > 0 ? { requiredFeatures: features } : {}),
    });
  } catch (error) {
    throw new RuntimeError('no-adapter', `the adapter gives no device: ${errorText(error)}`);
  }
}

/** Refuses a device that offers less than the plan needs, naming the limit or the feature. */
export function checkDevice(plan: Plan, device: Pick<GpuDeviceLike, 'limits' | 'features'>): void {
  checkLimits(planLimits(plan), device.limits, 'device');
  checkFeatures(plan, device.features, 'device');
}

function checkFeatures(
  plan: Plan,
  offered: GpuFeaturesLike | undefined,
  what: 'adapter' | 'device',
): void {
  const missing = plan.features?.find((feature) => !offered?.has(feature));
  if (missing === undefined) return;
  throw new RuntimeError(
    'feature-missing',
    `the plan needs ${missing}, the ${what} has ${[...((offered ?? []) as Iterable<string>)].join(', ') || 'no features'}; use another ${what}, or build the plan with --precision f32 and without --half`,
    { whole: true },
  );
}

function checkLimits(needed: PlanLimits, offered: PlanLimits, what: string): void {
  for (const name of Object.keys(needed) as (keyof PlanLimits)[]) {
    if (needed[name] > offered[name])
      throw new RuntimeError(
        'limit-too-small',
        `the plan needs ${name} ${needed[name]}, the ${what} offers ${offered[name]}; ${
          what === 'device'
            ? "request the device with the plan's limits, or "
            : 'use another adapter, or '
        }build the plan for smaller limits`,
      );
  }
}

function browserGpu<Device extends GpuDeviceLike>(): GpuLike<Device> | undefined {
  return (globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu as
    | GpuLike<Device>
    | undefined;
}
