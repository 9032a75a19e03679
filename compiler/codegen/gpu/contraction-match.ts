import { isFloat } from '../../../ir/dtypes.ts';
import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import { axesOfKind } from './module.ts';
import type { ContractionVariant } from './variant.ts';

/**
 * A kernel seen as C[batch, m, n] = Σ_k left[batch, m, k] · right[batch, k, n]. The groups list axes, outermost
 * first; `left` does not depend on the axes of `n`, nor `right` on those of `m`. What the factors compute from
 * their loads is free: windows with bounds, gathers and elementwise work are all evaluated while a tile is filled.
 */
export interface Contraction {
  readonly left: NodeIndex;
  readonly right: NodeIndex;
  readonly batch: readonly number[];
  readonly m: readonly number[];
  readonly n: readonly number[];
  readonly k: readonly number[];
  readonly tiling: ContractionVariant;
}

export type ContractionGroups = Omit<Contraction, 'tiling'>;

/** The factors and index groups of a sum of products; null where the kernel is none. */
export function classifyContraction(kernel: Kernel): ContractionGroups | null {
  const { combiner, value } = kernel.reduction!;
  const product = kernel.nodes[value];
  if (combiner !== 'sum' || product.kind !== 'apply' || product.op !== 'mul') return null;
  if (!isFloat(product.dtype) || product.operands[0] === product.operands[1]) return null;
  const [left, right] = product.operands;
  const depends = axisDependence(kernel);
  const parallel = axesOfKind(kernel, 'parallel');
  const m = parallel.filter((a) => depends[left][a] && !depends[right][a]);
  const n = parallel.filter((a) => depends[right][a] && !depends[left][a]);
  const batch = parallel.filter((a) => depends[left][a] === depends[right][a]);
  const k = axesOfKind(kernel, 'reduced');
  return storesAlong(kernel, m)
    ? { left: right, right: left, batch, m: n, n: m, k }
    : { left, right, batch, m, n, k };
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
    const add = (coefficients: readonly number[]) => {
      coefficients.forEach((coefficient, axis) => {
        if (coefficient !== 0) own[axis] = 1;
      });
    };
    for (const operand of nodeOperands(node)) add([...depends[operand]]);
    if (node.kind === 'load' || node.kind === 'index') add(node.index.coefficients);
    if (node.kind === 'random') add(node.counter.coefficients);
    if (node.kind === 'load' || node.kind === 'inBounds')
      for (const { index } of node.bounds) add(index.coefficients);
    depends.push(own);
  }
  return depends;
}

/** Whether neighbouring outputs in memory are neighbours along the innermost of `axes`. */
function storesAlong(kernel: Kernel, axes: readonly number[]): boolean {
  return axes.length > 0 && kernel.stores[0].index.coefficients[axes[axes.length - 1]] === 1;
}
