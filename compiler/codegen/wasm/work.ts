import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged, tileHalves } from '../../../ir/kernel-stage.ts';
import { callsOf, type KernelWork, NOTHING, type Operations, scaled, total } from '../work.ts';
import { analyse } from './analysis.ts';
import { wasmTime } from './time.ts';

/** What the function of a kernel does in one call: its price by the model that chooses its loops, and its calls. */
export function wasmWork(kernel: Kernel): KernelWork {
  const halves = isStaged(kernel) ? Object.values(tileHalves(kernel)) : [kernel];
  const calls = total(...halves.map(callsIn));
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

/** A node is evaluated once for all points that agree on the axes that its value depends on. */
function callsIn(kernel: Kernel): Operations {
  const { alive, depends } = analyse(kernel);
  const calls = kernel.nodes.map((node, index) => {
    const each = callsOf(node);
    if (!alive[index] || each.functions + each.randoms === 0) return NOTHING;
    const points = kernel.axes.reduce(
      (product, { extent }, axis) => product * (depends[index][axis] ? extent : 1),
      1,
    );
    return scaled({ plain: 0, ...each }, points);
  });
  return total(...calls);
}
