import { exactTree, MAX_EXACT_OPERANDS } from './exact.ts';
import { heuristicTrees } from './heuristic.ts';
import { MACS } from './objective.ts';
import { lowPeakOrder, paretoTrees } from './pareto.ts';
import { type ContractionTree, createProblem } from './problem.ts';
import type { Slice } from './slice-program.ts';
import { findSlices } from './slicing.ts';
import { type ContractionOrder, type SearchOptions, treeWork } from './tree.ts';

/** An order that keeps a bound on memory. */
export interface BoundedOrder extends ContractionOrder {
  /** Indices to run in parts, none where the whole fits. */
  readonly slices: readonly Slice[];
  /** Elements live at the most: intermediates, those that gradients read, and the result; not the operands. */
  readonly peak: number;
}

/**
 * The cheapest order whose intermediates and result take `most` elements at the most. The cheapest tree is run in slices
 * of the batch or another index before a dearer one is taken: slices cost no multiply-adds. Trees are those of the Pareto
 * front of cost, peak and saved elements; above {@link MAX_EXACT_OPERANDS} operands those that the heuristic searches meet.
 *
 * @returns the order; where none keeps the bound, the one with the least `peak` that was met
 */
export function orderWithin(
  operands: readonly string[],
  output: string,
  extents: ReadonlyMap<string, number>,
  most: number,
  { objective = MACS, wanted = [] }: SearchOptions = {},
): BoundedOrder {
  const problem = createProblem(operands, output, extents, { wanted });
  const attempt = (tree: ContractionTree) =>
    findSlices({ operands, output, extents, wanted, tree }, most);
  const oriented = (tree: ContractionTree) => ({ tree: lowPeakOrder(problem, tree) });
  const exact = operands.length <= MAX_EXACT_OPERANDS;
  if (operands.length === 1)
    return { tree: 0, method: 'exact', slices: [], peak: 0, ...treeWork(problem, 0) };
  let smallest: BoundedOrder | null = null;
  const candidates = exact
    ? [() => [oriented(exactTree(problem, objective))], () => paretoTrees(problem, objective)]
    : [() => heuristicTrees(problem, objective).map(oriented)];
  // The front is the dearer search: it is made only where the cheapest tree does not fit in slices either.
  for (const candidate of candidates)
    for (const { tree } of candidate()) {
      const { slices, peak } = attempt(tree);
      const unbounded = exact ? 'exact' : 'heuristic';
      const method = smallest === null && slices.length === 0 ? unbounded : 'bounded';
      const order: BoundedOrder = { tree, method, slices, peak, ...treeWork(problem, tree) };
      if (peak <= most) return order;
      if (smallest === null || peak < smallest.peak) smallest = order;
    }
  return smallest!;
}
