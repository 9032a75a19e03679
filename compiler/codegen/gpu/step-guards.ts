import { combinerIdentity, type Kernel, type NodeIndex } from '../../../ir/kernel.ts';
import {
  partList,
  type StagedKernel,
  tileAxesOf,
  tileParts,
  tileSteps,
} from '../../../ir/kernel-stage.ts';
import { evaluateScalar } from '../../../ir/scalar.ts';
import { derived } from './operations.ts';
import { hasRescaled } from './rescale.ts';
import {
  type Condition,
  conditionsOf,
  guardedShare,
  sameSlopes,
  type TileGuard,
} from './tile-guards.ts';

// Which steps of a kernel that goes on from tile to tile add something to its sums: behind a condition over indices, as those of causal
// and banded attention are, whole steps may go without, stages and all.

/** Whether a kernel goes through steps that it could do without. */
export const hasSteps = (kernel: StagedKernel): boolean =>
  kernel.staging.tileTerms > 0 || hasRescaled(kernel);

/**
 * Conditions that each hold in all steps that add something. Where one fails, the terms of all sums are 0, or products with a 0 that is
 * there by choice, whatever their other factors are, those of maxima -Infinity, and those of sums that are rescaled are powers of it.
 */
export function stepGuards(kernel: StagedKernel): readonly TileGuard[] {
  if (!hasSteps(kernel)) return [];
  return derived(kernel, 'step guards', () => findGuards(kernel));
}

/** How many of all steps there are with something to do, as a share. */
export function stepShare(kernel: StagedKernel): number {
  const guards = stepGuards(kernel);
  const extents = tileAxesOf(kernel.axes, kernel.staging).map((axis) => kernel.axes[axis].extent);
  // What two conditions exclude are different steps, as on both sides of a band.
  const excluded = guards.reduce((sum, guard) => sum + 1 - guardedShare(guard, extents), 0);
  return Math.max(1 / tileSteps(kernel), 1 - excluded);
}

function findGuards(kernel: StagedKernel): TileGuard[] {
  const parts = partList(tileParts(kernel));
  const tile = tileAxesOf(kernel.axes, kernel.staging);
  const conditions = parts.map((part, k) =>
    conditionsOf(part, k < parts.length - 1 ? [...tile.keys()] : tile),
  );
  const found: TileGuard[] = [];
  // The most exclusive of those that differ in their offset alone.
  const candidates = conditions
    .flat()
    .map(({ guard }) => guard)
    .filter(({ coefficients }) => coefficients.some((one) => one !== 0))
    .sort((a, b) => a.offset - b.offset);
  for (const guard of candidates)
    if (
      !found.some((one) => sameSlopes(one, guard)) &&
      addsNothing(kernel, parts, conditions, guard)
    )
      found.push(guard);
  return found;
}

/** Whether a step in which a condition fails leaves all sums as they are. */
function addsNothing(
  kernel: StagedKernel,
  parts: readonly Kernel[],
  conditions: readonly (readonly Condition[])[],
  guard: TileGuard,
): boolean {
  const arrays = new Map<number, number>();
  parts.slice(0, -1).forEach((part, k) => {
    const [{ buffer, value }] = part.stores;
    const constant = constantsOf(part, conditions[k], guard, arrays).get(value);
    if (constant !== undefined) arrays.set(buffer, constant);
  });
  const last = parts.at(-1)!;
  const known = constantsOf(last, conditions.at(-1)!, guard, arrays);
  return kernel.reductions.every(({ combiner, value, rescaled }, _, all) => {
    if (rescaled !== undefined) return known.get(all[rescaled].value) === Number.NEGATIVE_INFINITY;
    if (combiner === 'sum') return isNothing(last, known, value);
    return known.get(value) === combinerIdentity(combiner, last.nodes[value].dtype);
  });
}

/** Whether a term is 0, or a product with 0. */
function isNothing(part: Kernel, known: ReadonlyMap<NodeIndex, number>, value: NodeIndex): boolean {
  const node = part.nodes[value];
  if (known.get(value) === 0) return true;
  return (
    node.kind === 'apply' &&
    node.op === 'mul' &&
    node.operands.some((operand) => isNothing(part, known, operand))
  );
}

/** Nodes that have the same value at all points of tiles in which a condition fails, and so do some arrays. */
function constantsOf(
  { nodes, reductions }: Kernel,
  conditions: readonly Condition[],
  guard: TileGuard,
  arrays: ReadonlyMap<number, number>,
): ReadonlyMap<NodeIndex, number> {
  const known = new Map<NodeIndex, number>();
  // Where one fails, so do those that differ from it by a smaller offset.
  for (const { node, otherwise, guard: own } of conditions)
    if (sameSlopes(own, guard) && own.offset <= guard.offset)
      known.set(node, otherwise === 2 ? 0 : 1);
  const constantOf = (index: NodeIndex): number | undefined => {
    const node = nodes[index];
    switch (node.kind) {
      case 'constant':
        return node.value;
      case 'load':
        return node.bounds.length === 0 ? arrays.get(node.buffer) : undefined;
      case 'accumulator': {
        const { combiner, value } = reductions[node.reduction];
        const term = known.get(value);
        return combiner !== 'sum' || term === 0 ? term : undefined;
      }
      case 'apply':
        return appliedOf(node);
      default:
        return undefined;
    }
  };
  const appliedOf = ({ op, operands }: Extract<Kernel['nodes'][number], { kind: 'apply' }>) => {
    const values = operands.map((operand) => known.get(operand));
    if (op === 'select') {
      const [condition, a, b] = values;
      if (condition === undefined) return a === b ? a : undefined;
      return condition === 0 ? b : a;
    }
    const { dtype } = nodes[operands.at(-1)!];
    if (dtype === 'f32' && op !== 'roundF16') return undefined;
    // Whatever the other one is.
    if ((op === 'and' || op === 'mul') && values.includes(0)) return 0;
    if (op === 'or' && values.some((one) => one !== undefined && one !== 0)) return 1;
    if (values.includes(undefined)) return undefined;
    const [a, b, c] = values as number[];
    return evaluateScalar(op, dtype, a, b, c);
  };
  nodes.forEach((_, index) => {
    const constant = known.get(index) ?? constantOf(index);
    if (constant !== undefined) known.set(index, constant);
  });
  return known;
}
