import type { Plan } from './plan.ts';
import { TARGET_RULES } from './targets.ts';

/** Optional features of WebGPU devices that generated code may use, under WebGPU's names. */
export const PLAN_FEATURES = ['shader-f16', 'subgroups'] as const;
/** One of them. */
export type PlanFeature = (typeof PLAN_FEATURES)[number];

/** The features that the code of a plan uses: WGSL has no type for halves in memory without the first. */
export function planFeatures({ target, kernels }: Pick<Plan, 'target' | 'kernels'>): PlanFeature[] {
  const { halvesFeature } = TARGET_RULES[target];
  const hasHalves = kernels.some(({ bindings }) => bindings.some(({ dtype }) => dtype === 'f16'));
  const exchanges = kernels.some(({ wgsl = '' }) => ENABLES_SUBGROUPS.test(wgsl));
  return [
    ...(hasHalves && halvesFeature ? [halvesFeature] : []),
    ...(exchanges ? (['subgroups'] as const) : []),
  ];
}

const ENABLES_SUBGROUPS = /^enable subgroups;$/m;
const EXCHANGE = /\bsubgroupShuffleXor\(\w+, (\d+)u\)/g;

/**
 * Invocations that a subgroup must have at least for the exchanges in the code of a plan, which stand in the WGSL and are read
 * there; 1: there are none.
 */
export function planSubgroupSize({ kernels }: Pick<Plan, 'kernels'>): number {
  let size = 1;
  for (const { wgsl = '' } of kernels)
    for (const [, mask] of wgsl.matchAll(EXCHANGE)) size = Math.max(size, 2 * Number(mask));
  return size;
}
