import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged, partList, tileParts } from '../../../ir/kernel-stage.ts';
import { callsOf, type KernelWork, NOTHING, type Operations, scaled, total } from '../work.ts';
import { analyse } from './analysis.ts';
import { planNest } from './plan-nest.ts';
import { wasmTime } from './time.ts';
import { LANES } from './types.ts';

/** What the function of a kernel does in one call: its price by the model that chooses its loops, and its calls. */
export function wasmWork(kernel: Kernel): KernelWork {
  const parts = isStaged(kernel) ? partList(tileParts(kernel)) : [kernel];
  const calls = total(...parts.map(callsIn));
  return {
    ...calls,
    plain: wasmTime(kernel),
    barriers: 0,
    invocations: 1,
    form: 'points',
    workgroups: 1,
    serial: 0,
  };
}

/**
 * A node is evaluated once for all points that agree on the axes that its value depends on. A function of one number takes as long
 * as one of a vector.
 */
function callsIn(kernel: Kernel): Operations {
  if (!kernel.nodes.some((node) => callsOf(node).functions + callsOf(node).randoms > 0))
    return NOTHING;
  const { alive, depends } = analyse(kernel);
  const { vectorAxis } = planNest(kernel);
  const calls = kernel.nodes.map((node, index) => {
    const each = callsOf(node);
    if (!alive[index] || each.functions + each.randoms === 0) return NOTHING;
    const lanes = vectorAxis >= 0 && depends[index][vectorAxis] ? 1 : LANES;
    const points = kernel.axes.reduce((product, { extent }, axis) => {
      if (!depends[index][axis]) return product;
      return product * (axis === vectorAxis ? vectorWork(extent) : extent);
    }, lanes);
    return scaled({ plain: 0, ...each }, points);
  });
  return total(...calls);
}

/** Numbers that vectors and what is left of them, one by one, take as long as. */
function vectorWork(extent: number): number {
  const left = extent % LANES;
  return extent - left + LANES * left;
}
