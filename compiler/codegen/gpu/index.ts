import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import type { CodeModel } from '../code.ts';
import { unnamed } from '../unnamed.ts';
import type { KernelWork } from '../work.ts';
import { emitBlocks } from './blocks.ts';
import { chooseVariant } from './choose.ts';
import { emitContraction, emitMatrices } from './contraction.ts';
import type { Dialect, ModuleParts } from './dialect.ts';
import { emitElementwise } from './elementwise.ts';
import { emitGroup, type KnownParts } from './group.ts';
import type { GroupVariant } from './group-variant.ts';
import type { GpuModule, Grid } from './module.ts';
import { derived, MULTIPLY_ADD } from './operations.ts';
import { prepare } from './prepare.ts';
import { emitPrivate } from './private-tiles.ts';
import { emitReduction } from './reduction.ts';
import { emitStaged } from './staged.ts';
import { TUNING } from './tuning.ts';
import { type Variant, variantText } from './variant.ts';
import { WGSL } from './wgsl/dialect.ts';
import { SCALAR_SHARE, variantWork } from './work.ts';

/** Elements of the arrays of a tile that one invocation may compute alone. */
export const PRIVATE_ELEMENTS = TUNING.staged.privateElements;
/** Operations of a multiply-add in such a kernel, of which the model counts no less. */
export const PRIVATE_MULTIPLY_ADD = SCALAR_SHARE * MULTIPLY_ADD;

export { chooseVariant, namedVariant, variantsOf } from './choose.ts';
export type { Dialect } from './dialect.ts';
export {
  chooseGroup,
  type GroupVariant,
  groupText,
  namedGroup,
} from './group-variant.ts';
export { parseVariant, type Variant, variantText } from './variant.ts';
export { variantWork } from './work.ts';

/**
 * Prints a kernel as a complete module in a dialect, in one of `variantsOf` it, and gives the number of workgroups to dispatch. `known` is
 * for kernels that are printed in the same dialect within the same limits.
 */
export function emitGpu(
  dialect: Dialect,
  kernel: Kernel,
  variant: Variant | GroupVariant,
  limits: TargetLimits,
  known: KnownParts = new Map(),
): GpuModule {
  if ('parts' in variant) return emitGroup(dialect, kernel, variant, limits, emitAlone, known);
  return emitAlone(dialect, kernel, variant, limits);
}

function emitAlone(
  dialect: Dialect,
  kernel: Kernel,
  variant: Variant,
  limits: TargetLimits,
): GpuModule {
  if (isStaged(kernel)) {
    if (variant.form === 'private') return emitPrivate(dialect, kernel, variant, limits);
    if (variant.form !== 'staged') throw wrong(kernel, variant);
    return emitStaged(dialect, kernel, variant, limits);
  }
  const { kernel: collapsed, groups } = prepare(kernel);
  switch (variant.form) {
    case 'points':
      return emitElementwise(dialect, collapsed, variant, limits);
    case 'reduction':
      return emitReduction(dialect, collapsed, variant, limits);
    case 'blocks':
      return emitBlocks(dialect, collapsed, variant, limits);
    case 'tiles':
    case 'registers':
      if (!groups) throw wrong(kernel, variant);
      return emitContraction(dialect, collapsed, { ...groups, tiling: variant }, limits);
    case 'matrix':
      if (!groups) throw wrong(kernel, variant);
      return emitMatrices(dialect, collapsed, groups, variant, limits);
    case 'staged':
    case 'private':
      throw wrong(kernel, variant);
  }
}

const wrong = ({ name }: Kernel, { form }: Variant) =>
  new Error(`internal error: kernel '${name}' cannot be made as ${form}`);

/** {@link emitGpu} in WGSL; `wgsl/module.ts` says how buffers are bound and what the entry point is called. */
export function emitWgsl(
  kernel: Kernel,
  variant: Variant | GroupVariant,
  limits: TargetLimits,
  known: KnownParts = new Map(),
): { wgsl: string; grid: Grid } {
  if ('parts' in variant) {
    const { code, grid } = emitGpu(WGSL, kernel, variant, limits, known);
    return { wgsl: code, grid };
  }
  const { parts, grid } = moduleAlone(kernel, variant, limits);
  return { wgsl: WGSL.module(parts), grid };
}

/** What a kernel puts into a module of its own, found once: groups ask which of its buffers are vectors before anything is printed. */
function moduleAlone(kernel: Kernel, variant: Variant, limits: TargetLimits) {
  const { maxWorkgroupInvocations, maxWorkgroupBytes, maxWorkgroupsPerDimension } = limits;
  const { minSubgroupSize, subgroupMatrices } = limits;
  const within = [maxWorkgroupInvocations, maxWorkgroupBytes, maxWorkgroupsPerDimension];
  const key = JSON.stringify([variantText(variant), within, minSubgroupSize, subgroupMatrices]);
  return derived(unnamed(kernel), `module ${key}`, () => {
    let parts: ModuleParts | null = null;
    const module: Dialect['module'] = (given) => {
      parts = given;
      return '';
    };
    const { grid } = emitAlone({ ...WGSL, module }, kernel, variant, limits);
    return { parts: parts! as ModuleParts, grid };
  });
}

/** By buffer: whether the code of the chosen variant accesses it as vectors of four. */
export function vectorBuffers(
  kernel: Kernel,
  limits: TargetLimits,
  model: CodeModel,
): readonly boolean[] {
  const { parts } = moduleAlone(kernel, chooseVariant(kernel, limits, model), limits);
  return parts.buffers.map(({ quads }) => quads);
}

/** What the module of the chosen variant does in one dispatch. */
export function gpuWork(kernel: Kernel, limits: TargetLimits, model: CodeModel): KernelWork {
  return variantWork(kernel, chooseVariant(kernel, limits, model), limits);
}
