import { type Affine, type Axis, pointCount } from '../../ir/kernel.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { type AddressLink, align, copyNodes, MAX_NODES, writesAreSafe } from './fuse.ts';
import { joinedPerShape } from './joined-shapes.ts';
import { type LoopNest, macsOf, type NestBody, NodeList, originsOf } from './loop-nest.ts';
import { shapeOf } from './nest-shape.ts';
import { neededNodes, storedAt, storedNodes, variesAlong } from './node-facts.ts';
import { bindingRanges } from './ranges.ts';
import { shiftedSquares } from './shifted-squares.ts';

// Reductions over the same points and terms that read the same elements, in one pass of memory: the two sums that the gradient of a
// norm needs, a bias's gradient beside a scale's, sums of values and of their squares.

export interface SiblingOptions {
  readonly maxBindings: number;
  /** Whether sums of squares may go in one pass with the mean that they are around. */
  readonly shifts: boolean;
}

/**
 * Two reductions as one kernel; null where they do not go over the same points and terms, or where one needs the other's result. Found
 * once for what differs in its tensors alone.
 */
export function joinSiblings(
  first: LoopNest,
  second: LoopNest,
  options: SiblingOptions,
): LoopNest | null {
  const [a, b] = [shapeOf(first).shape, shapeOf(second).shape];
  if (a.points !== b.points || a.parallelPoints !== b.parallelPoints) return null;
  if (first.nodes.length + second.nodes.length > MAX_NODES) return null;
  return joinedSiblings(first, second, options, () => ({
    ops: [...new Set([...first.ops, ...second.ops])],
    origins: originsOf(first, second),
    ...macsOf(first, second),
  }));
}

const joinedSiblings = joinedPerShape(
  joinShapes,
  (a: SiblingOptions, b) => a.maxBindings === b.maxBindings && a.shifts === b.shifts,
);

/** The two kernels as one, without ops and origins. */
function joinShapes(
  first: LoopNest,
  second: LoopNest,
  { maxBindings, shifts }: SiblingOptions,
): LoopNest | null {
  if (first.stores.some(({ indirect }) => indirect)) return null;
  const aligned = align(first, second, sharedLoad, ['parallel', 'reduced']);
  if (!aligned || !keepsKinds(aligned[0], aligned[1])) return null;
  const body = joinBodies(...aligned) ?? (shifts ? shiftedSquares(...aligned) : null);
  if (!body) return null;
  const nest: LoopNest = {
    ...{ axes: aligned[0].axes, ...body },
    ...{ ops: [], origins: [] },
  };
  return bindingRanges(nest).length <= maxBindings && writesAreSafe(nest) ? nest : null;
}

/** Loads of one element for each term of each point. */
export function fullLoads({ nodes, axes }: LoopNest) {
  return nodes.flatMap((node) =>
    node.kind === 'load' &&
    node.bounds.length === 0 &&
    !node.indirect &&
    axes.every(({ extent }, axis) => extent === 1 || node.index.coefficients[axis] !== 0)
      ? [node]
      : [],
  );
}

/** Loads of one element for each term of each point, of the same tensor. */
export function sharedLoad(first: LoopNest, second: LoopNest): AddressLink | null {
  const others = fullLoads(second);
  for (const { buffer, index } of fullLoads(first)) {
    if (!isInjective(index, first.axes)) continue;
    const same = others.find((one) => one.buffer === buffer && one.index.offset === index.offset);
    if (same) return { from: index, to: same.index };
  }
  return null;
}

/** Whether different points are at different addresses: each axis steps over all that the ones with smaller steps reach. */
function isInjective({ coefficients }: Affine, axes: readonly Axis[]): boolean {
  const steps = axes
    .map(({ extent }, axis) => ({ extent, step: Math.abs(coefficients[axis]) }))
    .filter(({ extent }) => extent > 1)
    .sort((a, b) => a.step - b.step);
  let reach = 0;
  return steps.every(({ extent, step }) => {
    const isClear = step > reach;
    reach += step * (extent - 1);
    return isClear;
  });
}

/** Whether each point of the aligned kernel has the terms that it had: its stores depend on parallel axes alone. */
export function keepsKinds({ axes }: LoopNest, second: LoopNest): boolean {
  const isReduced = (axis: Axis) => axis.kind === 'reduced';
  const under = nodesUnderReduction(second);
  const varies = variesAlong(second, axes.map(isReduced));
  const needed = neededNodes(second, storedNodes(second));
  return (
    second.stores.every(
      ({ index, indirect }) =>
        !indirect && index.coefficients.every((c, axis) => c === 0 || !isReduced(axes[axis])),
    ) && second.nodes.every((_, k) => !needed[k] || under[k] === 1 || !varies[k])
  );
}

/** The reductions of both side by side; null where the second reduces what the first has made. */
export function joinBodies(first: LoopNest, second: LoopNest): NestBody | null {
  const list = new NodeList();
  const nodeOf = copyNodes(first, list, () => undefined);
  const under = nodesUnderReduction(second);
  let misfit = false;
  let position = 0;
  const secondNode = copyNodes(second, list, (node) => {
    const isUnder = under[position++] === 1;
    if (node.kind === 'accumulator')
      return list.add({ ...node, reduction: first.reductions.length + node.reduction });
    const stored = storedAt(first, node);
    if (stored === undefined) return undefined;
    if (stored === null || isUnder) misfit = true;
    return stored === null ? undefined : nodeOf[stored];
  });
  if (misfit) return null;
  return {
    nodes: list.nodes,
    reductions: [
      ...first.reductions.map((one) => ({ ...one, value: nodeOf[one.value] })),
      ...second.reductions.map((one) => ({ ...one, value: secondNode[one.value] })),
    ],
    stores: [
      ...first.stores.map((store) => ({ ...store, value: nodeOf[store.value] })),
      ...second.stores.map((store) => ({ ...store, value: secondNode[store.value] })),
    ],
  };
}

/** Whether a kernel reduces more than one term. */
export const isReduction = (nest: LoopNest): boolean =>
  nest.reductions.length > 0 && !nest.staging && pointCount(nest, 'reduced') > 1;
