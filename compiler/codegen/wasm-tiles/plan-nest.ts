import type { Kernel } from '../../../ir/kernel.ts';
import { axesOfKind, type Loop, type Nest, segmentsOf } from './nest.ts';
export function planNest(kernel: Kernel): Nest {
  const plain = (axis: number): Loop => ({
    axis,
    segments: segmentsOf(kernel.axes[axis].extent, 1, false),
  });
  const outer = [...axesOfKind(kernel, 'sequential'), ...axesOfKind(kernel, 'parallel')];
  return {
    loops: [...outer, ...axesOfKind(kernel, 'reduced')].map(plain),
    outerDepth: outer.length,
    vectorAxis: -1,
    chains: 1,
  };
}
