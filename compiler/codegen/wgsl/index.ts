import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { collapseAxes } from './collapse.ts';
import { emitContraction } from './contraction.ts';
import { matchContraction } from './contraction-match.ts';
import { emitElementwise } from './elementwise.ts';
import { emitReduction } from './reduction.ts';
import { emitStaged } from './staged.ts';

/**
 * Prints a kernel as a complete WGSL module with the entry point `main` and the number of workgroups to dispatch. Buffer i
 * is `@group(0) @binding(i)`, a read_write storage array of the buffer's dtype, whatever its access.
 */
export function emitWgsl(
  kernel: Kernel,
  limits: TargetLimits,
): { wgsl: string; grid: [number, number, number] } {
  if (isStaged(kernel)) return emitStaged(kernel, limits);
  const collapsed = collapseAxes(kernel);
  if (!collapsed.reduction) return emitElementwise(collapsed, limits);
  const contraction = matchContraction(collapsed, limits);
  return contraction
    ? emitContraction(collapsed, contraction, limits)
    : emitReduction(collapsed, limits);
}
