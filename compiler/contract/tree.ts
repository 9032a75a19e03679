import { exactTree, MAX_EXACT_OPERANDS } from './exact.ts';
import { heuristicTree } from './heuristic.ts';
import { MACS, type Objective } from './objective.ts';
import {
  Carriers,
  type ContractionTree,
  createProblem,
  type Problem,
  product,
  timesDone,
} from './problem.ts';
import { postOrder } from './steps.ts';

export type { ContractionTree } from './problem.ts';

export interface ContractionOrder extends TreeWork {
  readonly tree: ContractionTree;
  /** `exact`: the best of all orders; `heuristic`: the best that was found; `bounded`: the same, within a bound on memory. */
  readonly method: 'exact' | 'heuristic' | 'bounded';
}

/** What a tree does. */
export interface TreeWork {
  /** Multiply-adds: the sum over pairwise contractions of the product of the extents of all letters involved. */
  readonly macs: number;
  /** Multiply-adds of a training step: forward and the gradients of the wanted operands, on the same tree. */
  readonly trainMacs: number;
  /** Elements of the largest intermediate result (the final one not counted). */
  readonly largestIntermediate: number;
}

export interface SearchOptions {
  /** What to minimise; plain multiply-adds by default. */
  readonly objective?: Objective;
  /** Operands whose gradients are wanted: the tree is then the cheapest for forward and backward together. */
  readonly wanted?: readonly boolean[];
  /**
   * Operands that are windows along an axis, with the letters axis, position, tap: `hok`. In the tree they join what carries
   * the axis, at no cost. Only an exact search takes them.
   */
  readonly windows?: readonly number[];
}

/**
 * The cheapest order of pairwise contractions: exact (outer products included) up to 16 operands, above that the best of
 * randomised greedy searches with exact reordering of subtrees and of a cost-capped search. Deterministic.
 *
 * @param operands one string of letters per operand
 * @param output letters of the result
 * @param extents extent of every letter
 */
export function contractionOrder(
  operands: readonly string[],
  output: string,
  extents: ReadonlyMap<string, number>,
  { objective = MACS, ...options }: SearchOptions = {},
): ContractionOrder {
  const problem = createProblem(operands, output, extents, options);
  const exact = operands.length <= MAX_EXACT_OPERANDS;
  const search = exact ? exactTree : heuristicTree;
  const tree = operands.length === 1 ? 0 : search(problem, objective);
  return { tree, method: exact ? 'exact' : 'heuristic', ...treeWork(problem, tree) };
}

/** Multiply-adds and intermediates of a given tree: `[[[0, 1], 2], 3]` is the order from left to right. */
export function treeWork(problem: Problem, tree: ContractionTree): TreeWork {
  const { terms, wanted, windows } = problem;
  const letters = [...terms];
  const needs = [...wanted];
  const carriers = new Carriers(problem, terms);
  const numbers = new Map<ContractionTree, number>(terms.map((_, k) => [k, k]));
  let macs = 0;
  let trainMacs = 0;
  let largestIntermediate = 0;
  for (const pair of postOrder(tree)) {
    const [left, right] = pair.map((side) => numbers.get(side)!);
    const joint = letters[left].map((word, w) => word | letters[right][w]);
    const isWindow = pair.some((side) => typeof side === 'number' && windows[side] !== null);
    const own = isWindow ? 0 : product(joint, 0, problem);
    macs += own;
    trainMacs += timesDone(needs[left], needs[right]) * own;
    needs.push(needs[left] | needs[right]);
    const kept = carriers.merge(letters[left], letters[right]);
    numbers.set(pair, letters.push(kept) - 1);
    if (pair !== tree)
      largestIntermediate = Math.max(largestIntermediate, product(kept, 0, problem));
  }
  return { macs, trainMacs, largestIntermediate };
}
