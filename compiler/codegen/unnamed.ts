import type { Expression, Kernel } from '../../ir/kernel.ts';

const met = new WeakMap<readonly Expression[], Kernel[]>();

/**
 * The first kernel that was met of those that are the same objects but for their names: what is derived of kernels is kept by it.
 * Passes that try kernels have no names for them, and give them to those that stay.
 */
export function unnamed(kernel: Kernel): Kernel {
  const others = met.get(kernel.nodes);
  if (!others) {
    met.set(kernel.nodes, [kernel]);
    return kernel;
  }
  const found = others.find((other) => differInName(other, kernel));
  if (!found) others.push(kernel);
  return found ?? kernel;
}

const differInName = (a: Kernel, b: Kernel) =>
  a === b ||
  (a.axes === b.axes &&
    a.buffers === b.buffers &&
    a.reductions === b.reductions &&
    a.stores === b.stores &&
    a.staging === b.staging &&
    a.scratch === b.scratch &&
    a.parts === b.parts);
