import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { collapseAxes } from './collapse.ts';
import { emitContraction } from './contraction.ts';
import { matchContraction } from './contraction-match.ts';
import type { Dialect } from './dialect.ts';
import { emitElementwise } from './elementwise.ts';
import type { GpuModule, Grid } from './module.ts';
import { emitReduction } from './reduction.ts';
import { emitStaged } from './staged.ts';
import { WGSL } from './wgsl/dialect.ts';

export type { Dialect } from './dialect.ts';
export { gpuTime } from './time.ts';
export { gpuWork } from './work.ts';

/** Prints a kernel as a complete module in a dialect, and gives the number of workgroups to dispatch. */
export function emitGpu(dialect: Dialect, kernel: Kernel, limits: TargetLimits): GpuModule {
  if (isStaged(kernel)) return emitStaged(dialect, kernel, limits);
  const collapsed = collapseAxes(kernel);
  if (!collapsed.reduction) return emitElementwise(dialect, collapsed, limits);
  const contraction = matchContraction(collapsed, limits);
  return contraction
    ? emitContraction(dialect, collapsed, contraction, limits)
    : emitReduction(dialect, collapsed, limits);
}

/** {@link emitGpu} in WGSL; `wgsl/module.ts` says how buffers are bound and what the entry point is called. */
export function emitWgsl(kernel: Kernel, limits: TargetLimits): { wgsl: string; grid: Grid } {
  const { code, grid } = emitGpu(WGSL, kernel, limits);
  return { wgsl: code, grid };
}
