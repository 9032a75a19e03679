import { sameAffine } from '../../ir/kernel.ts';
import { nodeOperands } from '../../ir/kernel-cost.ts';
import type { LoopNest } from './loop-nest.ts';
import { overlaps, rangeOf } from './ranges.ts';

/** For each node, whether its value changes along one of some axes other than through an accumulator. */
export function variesAlong(
  { nodes }: Pick<LoopNest, 'nodes'>,
  along: readonly boolean[],
): boolean[] {
  const moves = ({ coefficients }: { readonly coefficients: readonly number[] }) => {
    for (let axis = 0; axis < coefficients.length; axis++)
      if (coefficients[axis] !== 0 && along[axis]) return true;
    return false;
  };
  const varies: boolean[] = [];
  for (const node of nodes)
    varies.push(
      nodeOperands(node).some((operand) => varies[operand]) ||
        ((node.kind === 'load' || node.kind === 'index') && moves(node.index)) ||
        (node.kind === 'random' && moves(node.counter)) ||
        ((node.kind === 'load' || node.kind === 'inBounds') &&
          node.bounds.some(({ index }) => moves(index))),
    );
  return varies;
}

/** 1 for some nodes and all that they need. */
export function neededNodes(
  { nodes }: Pick<LoopNest, 'nodes'>,
  roots: readonly number[],
): Uint8Array {
  const needed = new Uint8Array(nodes.length);
  for (const root of roots) needed[root] = 1;
  for (let k = nodes.length - 1; k >= 0; k--)
    if (needed[k]) for (const operand of nodeOperands(nodes[k])) needed[operand] = 1;
  return needed;
}

/** The nodes that the stores of a kernel need directly. */
export const storedNodes = ({ stores }: Pick<LoopNest, 'stores'>): number[] =>
  stores.flatMap(({ value, indirect }) => (indirect ? [value, indirect.node] : [value]));

/**
 * What a kernel stores at the address of a load of another one over the same axes, as a node of it: `null` where they meet in
 * another way, `undefined` where they do not meet.
 */
export function storedAt(
  first: LoopNest,
  load: LoopNest['nodes'][number],
): number | null | undefined {
  if (load.kind !== 'load') return undefined;
  const range = rangeOf(first.axes, load);
  const meeting = first.stores.filter((store) => overlaps(rangeOf(first.axes, store), range));
  if (meeting.length === 0) return undefined;
  const match = meeting.find(({ index }) => sameAffine(index, load.index));
  return !match || load.bounds.length > 0 || load.indirect ? null : match.value;
}
