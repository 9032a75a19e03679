import { isFloat } from '../../ir/dtypes.ts';
import { type AxisKind, type Kernel, type NodeIndex, soleReduction } from '../../ir/kernel.ts';
import { nodeOperands } from '../../ir/kernel-cost.ts';

/**
 * A kernel seen as C[batch, m, n] = Σ_k left[batch, m, k] · right[batch, k, n]. The groups list axes, outermost
 * first; `left` does not depend on the axes of `n`, nor `right` on those of `m`.
 */
export interface ContractionGroups {
  readonly left: NodeIndex;
  readonly right: NodeIndex;
  readonly batch: readonly number[];
  readonly m: readonly number[];
  readonly n: readonly number[];
  readonly k: readonly number[];
}

/** The factors of a sum of products, in the order of the product, and the index groups; null where the kernel is none. */
export function contractionGroups(kernel: Kernel): ContractionGroups | null {
  const reduction = soleReduction(kernel);
  if (reduction?.combiner !== 'sum') return null;
  const product = kernel.nodes[reduction.value];
  if (product.kind !== 'apply' || product.op !== 'mul') return null;
  if (!isFloat(product.dtype) || product.operands[0] === product.operands[1]) return null;
  const [left, right] = product.operands;
  const depends = axisDependence(kernel);
  const parallel = axesOfKind(kernel, 'parallel');
  return {
    left,
    right,
    batch: parallel.filter((a) => depends[left][a] === depends[right][a]),
    m: parallel.filter((a) => depends[left][a] && !depends[right][a]),
    n: parallel.filter((a) => depends[right][a] && !depends[left][a]),
    k: axesOfKind(kernel, 'reduced'),
  };
}

export function axesOfKind(kernel: Kernel, kind: AxisKind): number[] {
  const found: number[] = [];
  for (let axis = 0; axis < kernel.axes.length; axis++)
    if (kernel.axes[axis].kind === kind) found.push(axis);
  return found;
}

export function extentOf(kernel: Kernel, axes: readonly number[]): number {
  return axes.reduce((product, axis) => product * kernel.axes[axis].extent, 1);
}

const dependences = new WeakMap<Kernel, readonly Uint8Array[]>();

/** For each node, 1 at every axis that its value depends on, but for an accumulator, which stands for none. */
export function axisDependence(kernel: Kernel): readonly Uint8Array[] {
  const known = dependences.get(kernel);
  if (known) return known;
  const depends: Uint8Array[] = [];
  dependences.set(kernel, depends);
  for (const node of kernel.nodes) {
    const own = new Uint8Array(kernel.axes.length);
    const add = (coefficients: ArrayLike<number>) => {
      for (let axis = 0; axis < own.length; axis++) if (coefficients[axis] !== 0) own[axis] = 1;
    };
    for (const operand of nodeOperands(node)) add(depends[operand]);
    if (node.kind === 'load' || node.kind === 'index') add(node.index.coefficients);
    if (node.kind === 'random') add(node.counter.coefficients);
    if (node.kind === 'load' || node.kind === 'inBounds')
      for (const { index } of node.bounds) add(index.coefficients);
    depends.push(own);
  }
  return depends;
}
