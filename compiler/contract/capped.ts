import { smallest as smallestOf } from '../../ir/lists.ts';
import { costOf, type Objective } from './objective.ts';
import { comparePrices, FREE, type Price, peakOf } from './price.ts';
import { type ContractionTree, type Problem, product, timesDone } from './problem.ts';

/** Pairs of subsets that the search may look at: about a second. */
const MOST_PAIRS = 4_000_000;
/** By how much the cap rises when it was too low. */
const RISE = 4;

/** The best known tree of a subset of the operands. */
interface Entry extends Price {
  readonly subset: bigint;
  readonly letters: Int32Array;
  readonly elements: number;
  readonly wanted: number;
  readonly tree: ContractionTree;
}

/**
 * The cheapest tree without outer products that is better than `ceiling`, or null where there is none or the search takes
 * too long: dynamic programming over the subsets whose cheapest tree is at or below a cost cap, which rises until all
 * operands are one subset (Pfeifer, Haegeman and Verstraete 2014). Sparse networks (chains, rings, trees) have few such
 * subsets, however many operands they have.
 */
export function cappedTree(
  problem: Problem,
  objective: Objective,
  ceiling: Price,
): ContractionTree | null {
  const pairs = { left: MOST_PAIRS };
  for (let cap = lowestCap(problem, objective); pairs.left > 0; cap *= RISE) {
    const found = searchBelow(problem, objective, Math.min(cap, ceiling.cost), pairs);
    if (found) return comparePrices(found, ceiling) < 0 ? found.tree : null;
    if (cap >= ceiling.cost) return null;
  }
  return null;
}

/** The cheapest single contraction there could be. */
function lowestCap(problem: Problem, objective: Objective): number {
  const smallest = smallestOf(problem.terms.map((term) => product(term, 0, problem)));
  const work = { macs: smallest, left: smallest, right: smallest, result: 1 };
  return Math.max(1, RISE * costOf(objective, work));
}

function searchBelow(
  problem: Problem,
  objective: Objective,
  cap: number,
  pairs: { left: number },
): Entry | null {
  const { count } = problem;
  // By number of operands, the subsets that can be contracted at or below the cap.
  const sizes: Map<bigint, Entry>[] = Array.from({ length: count + 1 }, () => new Map());
  problem.terms.forEach((letters, k) => {
    const elements = product(letters, 0, problem);
    const subset = 1n << BigInt(k);
    sizes[1].set(subset, {
      subset,
      letters,
      elements,
      wanted: problem.wanted[k],
      ...FREE,
      tree: k,
    });
  });
  for (let size = 2; size <= count; size++) {
    for (let small = 1; 2 * small <= size; small++) {
      for (const a of sizes[small].values()) {
        for (const b of sizes[size - small].values()) {
          if (--pairs.left <= 0) return null;
          // Of two subsets of one size each pair is met twice.
          if ((a.subset & b.subset) !== 0n || (2 * small === size && a.subset > b.subset)) continue;
          if (a.letters.every((word, w) => (word & b.letters[w]) === 0)) continue;
          const joined = join(a, b, problem, objective, cap);
          const known = sizes[size].get(a.subset | b.subset);
          if (joined && (!known || comparePrices(joined, known) < 0))
            sizes[size].set(joined.subset, joined);
        }
      }
    }
  }
  return sizes[count].get((1n << BigInt(count)) - 1n) ?? null;
}

/** The contraction of two subsets; null where it costs more than the cap. */
function join(
  a: Entry,
  b: Entry,
  problem: Problem,
  objective: Objective,
  cap: number,
): Entry | null {
  const below = a.cost + b.cost;
  const joint = a.letters.map((word, w) => word | b.letters[w]);
  const macs = product(joint, 0, problem);
  if (below + macs > cap) return null;
  const subset = a.subset | b.subset;
  const letters = lettersOf(subset, joint, problem);
  const elements = product(letters, 0, problem);
  const work = { macs, left: a.elements, right: b.elements, result: elements };
  const own = costOf(objective, work);
  const cost = below + timesDone(a.wanted, b.wanted) * own;
  if (cost > cap) return null;
  const wanted = a.wanted | b.wanted;
  const forward = a.forward + b.forward + own;
  const peak = peakOf(held(a), a.peak, held(b), b.peak, elements);
  return { subset, letters, elements, wanted, cost, forward, peak, tree: [a.tree, b.tree] };
}

/** What a result takes beside the operands. */
const held = ({ tree, elements }: Entry) => (typeof tree === 'number' ? 0 : elements);

/** Of the letters of a subset those that the output or an operand outside carries. */
function lettersOf(subset: bigint, joint: Int32Array, { terms, output }: Problem): Int32Array {
  const outside = output.slice();
  terms.forEach((term, k) => {
    if ((subset >> BigInt(k)) & 1n) return;
    for (let w = 0; w < outside.length; w++) outside[w] |= term[w];
  });
  return joint.map((word, w) => word & outside[w]);
}
