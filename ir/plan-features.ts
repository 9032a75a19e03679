import type { Plan } from './plan.ts';
import { TARGET_RULES } from './targets.ts';

/** Optional features of WebGPU devices that generated code may use, under WebGPU's names. */
export const PLAN_FEATURES = ['shader-f16'] as const;
/** One of them. */
export type PlanFeature = (typeof PLAN_FEATURES)[number];

/** The features that the code of a plan uses: WGSL has no type for halves in memory without the first. */
export function planFeatures({ target, kernels }: Pick<Plan, 'target' | 'kernels'>): PlanFeature[] {
  const { halvesFeature } = TARGET_RULES[target];
  const hasHalves = kernels.some(({ bindings }) => bindings.some(({ dtype }) => dtype === 'f16'));
  return hasHalves && halvesFeature ? [halvesFeature] : [];
}
