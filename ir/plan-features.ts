import type { Plan } from './plan.ts';

/** Optional features of WebGPU devices that generated code may use, under WebGPU's names. */
export const PLAN_FEATURES = ['shader-f16'] as const;
export type PlanFeature = (typeof PLAN_FEATURES)[number];

/** The features that the code of a plan uses: WGSL has no type for halves in memory without the first. */
export function planFeatures({ target, kernels }: Pick<Plan, 'target' | 'kernels'>): PlanFeature[] {
  const halves = kernels.some(({ bindings }) => bindings.some(({ dtype }) => dtype === 'f16'));
  return target === 'webgpu' && halves ? ['shader-f16'] : [];
}
