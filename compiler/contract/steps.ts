import type { ContractionTree } from './problem.ts';

/** One contraction of two parts. Parts are numbered: operands first, then the result of every step. */
export interface PairwiseStep {
  readonly left: number;
  readonly right: number;
  /** Letters of the two parts and of the result. */
  readonly terms: readonly [string, string];
  readonly result: string;
}

/**
 * The steps of a tree in an order in which they can run: of two subtrees the first one is done first. A letter is summed
 * as soon as neither the output nor a part that is still to come carries it; the last result has the output's letters in
 * the output's order.
 *
 * @param operands letters of each operand, distinct, and none that it alone carries and the output lacks
 */
export function pairwiseSteps(
  operands: readonly string[],
  output: string,
  tree: ContractionTree,
): PairwiseStep[] {
  const carriers = new Map<string, number>();
  const count = (letters: string, by: number) => {
    for (const letter of letters) carriers.set(letter, (carriers.get(letter) ?? 0) + by);
  };
  for (const term of [output, ...operands]) count(term, 1);
  const terms = [...operands];
  const steps: PairwiseStep[] = [];
  const parts = new Map<ContractionTree, number>(operands.map((_, k) => [k, k]));
  for (const pair of postOrder(tree)) {
    const [left, right] = pair.map((side) => parts.get(side)!);
    count(terms[left], -1);
    count(terms[right], -1);
    const letters = [...new Set(terms[left] + terms[right])];
    const kept = letters.filter((letter) => carriers.get(letter)! > 0).join('');
    const result = pair === tree ? output : kept;
    count(result, 1);
    steps.push({ left, right, terms: [terms[left], terms[right]], result });
    parts.set(pair, terms.push(result) - 1);
  }
  return steps;
}

/** The tree whose {@link pairwiseSteps} contract the given parts, in that order. */
export function treeOfSteps(
  operands: number,
  steps: readonly (readonly [number, number])[],
): ContractionTree {
  const parts: ContractionTree[] = Array.from({ length: operands }, (_, k) => k);
  for (const [left, right] of steps) parts.push([parts[left], parts[right]]);
  return parts[parts.length - 1];
}

type Pair = readonly [ContractionTree, ContractionTree];

/** The inner nodes of a tree, children before parents, without recursion: trees of heuristics may be deep. */
export function postOrder(tree: ContractionTree): Pair[] {
  const pairs: Pair[] = [];
  for (const pending = [tree]; pending.length > 0; ) {
    const node = pending.pop()!;
    if (typeof node === 'number') continue;
    pairs.push(node);
    // The second child is met first and comes first here; reversed, the first child's steps come first.
    pending.push(node[0], node[1]);
  }
  return pairs.reverse();
}
