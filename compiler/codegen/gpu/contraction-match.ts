import type { Kernel } from '../../../ir/kernel.ts';
import { type ContractionGroups, contractionGroups } from '../contraction-groups.ts';
import type { ContractionVariant } from './variant.ts';

/**
 * A contraction and how it is tiled. What the factors compute from their loads is free: windows with bounds, gathers and
 * elementwise work are all evaluated while a tile is filled.
 */
export interface Contraction extends ContractionGroups {
  readonly tiling: ContractionVariant;
}

/** The factors and index groups of a sum of products, with outputs that are neighbours in memory along n; null where the kernel is none. */
export function classifyContraction(kernel: Kernel): ContractionGroups | null {
  const groups = contractionGroups(kernel);
  if (!groups) return null;
  const { left, right, m, n } = groups;
  return storesAlong(kernel, m) ? { ...groups, left: right, right: left, m: n, n: m } : groups;
}

/** Whether neighbouring outputs in memory are neighbours along the innermost of `axes`. */
function storesAlong(kernel: Kernel, axes: readonly number[]): boolean {
  return axes.length > 0 && kernel.stores[0].index.coefficients[axes[axes.length - 1]] === 1;
}
