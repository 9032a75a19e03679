import type { Kernel, NodeIndex } from '../../../ir/kernel.ts';
import { indexCondition } from '../../../ir/kernel-conditions.ts';
import { storedValues } from './expression.ts';
import { neededNodes } from './points.ts';

// Which tiles need what a stage computes: behind a condition over indices, as the one of causal attention, whole tiles may go without.

/** A tile needs something where `offset + Σ coefficients · index` is at least 0; the indices are those of the tile, in order. */
export interface TileGuard {
  readonly offset: number;
  readonly coefficients: readonly number[];
}

/** A condition of a kernel's nodes, and the branch of its selects that is taken where it fails. */
export interface Condition {
  readonly node: NodeIndex;
  /** 1 or 2: the operand that selects take where a tile does without. */
  readonly otherwise: 1 | 2;
  readonly guard: TileGuard;
}

/** Where one of some nodes is needed, of a part over tiles along `tile`, and what the part is in all other tiles. */
export interface Guarded {
  readonly guard: TileGuard;
  readonly otherwise: Kernel;
}

/** Under which condition what is stored, or reduced, depends on one of some nodes; null where no condition tells. */
export function guardOf(
  part: Kernel,
  tile: readonly number[],
  meant: ReadonlySet<NodeIndex>,
): Guarded | null {
  const roots = [...storedValues(part), ...part.reductions.map(({ value }) => value)];
  for (const condition of conditionsOf(part, tile)) {
    const otherwise = without(part, condition);
    const needed = neededNodes(
      otherwise,
      roots.map((root) => aliasOf(part, condition, root)),
    );
    if (!needed.some((node) => meant.has(node))) return { guard: condition.guard, otherwise };
  }
  return null;
}

/** Whether two guards say the same. */
export const sameGuard = (a: TileGuard, b: TileGuard): boolean =>
  a.offset === b.offset && sameSlopes(a, b);

/** Whether two guards say the same but for their offset: the one with the smaller offset says more. */
export const sameSlopes = (a: TileGuard, b: TileGuard): boolean =>
  a.coefficients.join() === b.coefficients.join();

/** How many of all tiles have something to do, over the extents of the tile's axes; 1 where more than two of them tell. */
export function guardedShare(
  { offset, coefficients }: TileGuard,
  extents: readonly number[],
): number {
  const own = [...coefficients.keys()].filter((k) => coefficients[k] !== 0);
  if (own.length > 2) return 1;
  const [inner, outer] = own;
  /** Indices of the inner axis at which the sum is at least 0. */
  const countFrom = (sum: number) => {
    if (inner === undefined) return Number(sum >= 0);
    const slope = coefficients[inner];
    const extent = extents[inner];
    // Up from the first index that is large enough, or up to the last that is small enough.
    const edge = slope > 0 ? extent - Math.ceil(-sum / slope) : Math.floor(sum / -slope) + 1;
    return Math.min(extent, Math.max(0, edge));
  };
  const repeats = outer === undefined ? 1 : extents[outer];
  const slope = outer === undefined ? 0 : coefficients[outer];
  let count = 0;
  for (let index = 0; index < repeats; index++) count += countFrom(offset + slope * index);
  return count / repeats / (inner === undefined ? 1 : extents[inner]);
}

/** Comparisons of two indices, each with what is the most that it can be within a tile, both ways. */
export function conditionsOf({ nodes, axes }: Kernel, tile: readonly number[]): Condition[] {
  return nodes.flatMap((_, index): Condition[] => {
    const condition = indexCondition(nodes, index);
    if (!condition) return [];
    const { offset, slopes } = condition;
    const within = (direction: 1 | -1, first: number): TileGuard => ({
      offset: slopes.reduce(
        (sum, slope, axis) =>
          tile.includes(axis)
            ? sum
            : sum + Math.max(0, direction * slope * (axes[axis].extent - 1)),
        first,
      ),
      coefficients: tile.map((axis) => direction * slopes[axis] + 0),
    });
    // It may hold somewhere in the tile; it may fail somewhere: what has to be at least 0 is then at most -1.
    return [
      { node: index, otherwise: 2, guard: within(1, offset) },
      { node: index, otherwise: 1, guard: within(-1, -offset - 1) },
    ];
  });
}

/** The node that stands for one where the condition is decided. */
function aliasOf({ nodes }: Kernel, { node: condition, otherwise }: Condition, index: NodeIndex) {
  let at = index;
  for (;;) {
    const node = nodes[at];
    if (node.kind !== 'apply' || node.op !== 'select' || node.operands[0] !== condition) return at;
    at = node.operands[otherwise];
  }
}

/** The kernel where a condition is decided. */
function without(part: Kernel, condition: Condition): Kernel {
  const image = (node: NodeIndex) => aliasOf(part, condition, node);
  return {
    ...part,
    nodes: part.nodes.map((node) =>
      node.kind === 'apply' ? { ...node, operands: node.operands.map(image) } : node,
    ),
    stores: part.stores.map((store) => ({ ...store, value: image(store.value) })),
  };
}

/** The guard as a condition, over the names of the indices of the tile. */
export function guardText(
  { offset, coefficients }: TileGuard,
  names: readonly (string | null)[],
): string {
  const terms = coefficients.flatMap((coefficient, k) => {
    const name = names[k];
    if (coefficient === 0 || name === null) return [];
    return [coefficient === 1 ? name : `${coefficient} * ${name}`];
  });
  return `${[...terms, String(offset)].join(' + ').replaceAll('+ -', '- ')} >= 0`;
}
