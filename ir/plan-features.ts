import type { Plan } from './plan.ts';
import { TARGET_RULES } from './targets.ts';

/** Optional features of WebGPU devices that generated code may use, under WebGPU's names. */
export const PLAN_FEATURES = [
  'shader-f16',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
] as const;
/** One of them. */
export type PlanFeature = (typeof PLAN_FEATURES)[number];

/** The features that the code of a plan uses: WGSL has no type for halves in memory without the first. */
export function planFeatures({ target, kernels }: Pick<Plan, 'target' | 'kernels'>): PlanFeature[] {
  const { halvesFeature } = TARGET_RULES[target];
  const hasHalves = kernels.some(({ bindings }) => bindings.some(({ dtype }) => dtype === 'f16'));
  const enables = (extension: RegExp) => kernels.some(({ wgsl = '' }) => extension.test(wgsl));
  return [
    ...(hasHalves && halvesFeature ? [halvesFeature] : []),
    ...(enables(SUBGROUPS) ? (['subgroups'] as const) : []),
    ...(enables(MATRICES) ? (['chromium-experimental-subgroup-matrix'] as const) : []),
  ];
}

const SUBGROUPS = /^enable subgroups;$/m;
const MATRICES = /^enable chromium_experimental_subgroup_matrix;$/m;
const EXCHANGE = /\bsubgroupShuffleXor\(\w+, (\d+)u\)/g;

/**
 * The products of matrices that the code of a plan leaves to subgroups, all of one size; as they stand in the WGSL, each by what it
 * reads of a left factor and the sums.
 */
export function planMatrices({ kernels, limits }: Pick<Plan, 'kernels' | 'limits'>) {
  const known = limits?.subgroupMatrices ?? [];
  return known.filter(({ component, m, n, k }) => {
    const left = `subgroup_matrix_left<${component}, ${k}, ${m}>`;
    const sums = `subgroup_matrix_result<f32, ${n}, ${m}>`;
    return kernels.some(({ wgsl = '' }) => wgsl.includes(left) && wgsl.includes(sums));
  });
}

/**
 * Invocations that a subgroup must have at least for the exchanges in the code of a plan, which stand in the WGSL and are read
 * there; 1: there are none.
 */
export function planSubgroupSize(plan: Pick<Plan, 'kernels' | 'limits'>): number {
  const { kernels } = plan;
  let size = Math.max(1, ...planMatrices(plan).map(({ subgroupSize }) => subgroupSize));
  for (const { wgsl = '' } of kernels)
    for (const [, mask] of wgsl.matchAll(EXCHANGE)) size = Math.max(size, 2 * Number(mask));
  return size;
}
