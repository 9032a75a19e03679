import { openLetters } from './exact.ts';
import { costOf, type Objective } from './objective.ts';
import { Carriers, type ContractionTree, type Problem, product, timesDone } from './problem.ts';
import { postOrder } from './steps.ts';

/**
 * A tree and what it takes, memory in elements. `saved` are the intermediates that the gradients read: all of them stay
 * from the forward pass to the backward pass. `peak` is the most that is live at once while the tree is contracted, of two
 * subtrees the first one first: results that are still to be used, the saved ones, and the final result; the operands are
 * not counted, as they are there anyway.
 */
export interface TreePoint {
  readonly tree: ContractionTree;
  /** The objective's sum, with the gradients. */
  readonly cost: number;
  /** The same of one evaluation: of trees with the same cost the one with the cheaper one is better. */
  readonly forward: number;
  readonly peak: number;
  readonly saved: number;
}

/** A point of the front of one subset: a tree as the points of its two sides, the first of which is done first. */
interface Point {
  readonly cost: number;
  readonly forward: number;
  readonly peak: number;
  readonly saved: number;
  readonly operand: number;
  readonly first: Point | null;
  readonly second: Point | null;
}

/** Points that a front keeps; more are thinned out evenly, the best by each measure staying. */
const MOST_POINTS = 48;
const MOST_POINTS_OF_MANY = 8;
const MANY_OPERANDS = 10;

/**
 * The trees of which none is better in cost, peak and saved elements at once, by dynamic programming over fronts of
 * subsets; cheapest first. Exact while no front outgrows {@link MOST_POINTS} (8 above ten operands).
 *
 * @param problem at most {@link MAX_EXACT_OPERANDS} operands
 */
export function paretoTrees(problem: Problem, objective: Objective): TreePoint[] {
  const { count, words } = problem;
  const size = 2 ** count;
  const { open, elements } = openLetters(problem);
  const wanted = new Uint8Array(size);
  const most = count > MANY_OPERANDS ? MOST_POINTS_OF_MANY : MOST_POINTS;
  const fronts: Point[][] = new Array(size);
  const joint = new Int32Array(words);
  for (let subset = 1; subset < size; subset++) {
    const lowest = subset & -subset;
    const operand = 31 - Math.clz32(lowest);
    const rest = subset ^ lowest;
    wanted[subset] = problem.wanted[operand] | wanted[rest];
    if (rest === 0) {
      fronts[subset] = [leaf(operand)];
      continue;
    }
    const front: Point[] = [];
    for (let others = (rest - 1) & rest; ; others = (others - 1) & rest) {
      const left = others | lowest;
      const right = subset ^ left;
      for (let w = 0; w < words; w++) joint[w] = open[left * words + w] | open[right * words + w];
      const work = {
        macs: product(joint, 0, problem),
        left: elements[left],
        right: elements[right],
        result: elements[subset],
      };
      const forward = costOf(objective, work);
      const cost = timesDone(wanted[left], wanted[right]) * forward;
      // An operand has no memory of its own; a side is saved where the gradient of the other one is wanted.
      const inner = [left, right].map((side) => ((side & (side - 1)) === 0 ? 0 : elements[side]));
      const saved = inner[0] * wanted[right] + inner[1] * wanted[left];
      for (const a of fronts[left])
        for (const b of fronts[right])
          insert(front, joined(a, b, inner, { cost, forward, saved, result: elements[subset] }));
      if (others === 0) break;
    }
    fronts[subset] = thinned(front, most);
  }
  return fronts[size - 1].sort(cheapestFirst).map((point) => ({
    tree: treeOf(point),
    cost: point.cost,
    forward: point.forward,
    peak: point.peak,
    saved: point.saved,
  }));
}

/** The same tree, of two subtrees the one first with which the peak is lower. */
export function lowPeakOrder(problem: Problem, tree: ContractionTree): ContractionTree {
  const carriers = new Carriers(problem, problem.terms);
  const parts = new Map<ContractionTree, { letters: Int32Array; wanted: number; point: Point }>(
    problem.terms.map((letters, operand) => [
      operand,
      { letters, wanted: problem.wanted[operand], point: leaf(operand) },
    ]),
  );
  const sizeOf = (side: ContractionTree) =>
    typeof side === 'number' ? 0 : product(parts.get(side)!.letters, 0, problem);
  for (const pair of postOrder(tree)) {
    const [left, right] = pair.map((side) => parts.get(side)!);
    const inner = pair.map(sizeOf);
    const letters = carriers.merge(left.letters, right.letters);
    const point = joined(left.point, right.point, inner, {
      cost: 0,
      forward: 0,
      saved: inner[0] * right.wanted + inner[1] * left.wanted,
      result: product(letters, 0, problem),
    });
    parts.set(pair, { letters, wanted: left.wanted | right.wanted, point });
  }
  return treeOf(parts.get(tree)!.point);
}

const leaf = (operand: number): Point => ({
  cost: 0,
  forward: 0,
  peak: 0,
  saved: 0,
  operand,
  first: null,
  second: null,
});

/** The contraction of two sides in the order with the lower peak. */
function joined(
  a: Point,
  b: Point,
  [aResult, bResult]: readonly number[],
  own: Pick<Point, 'cost' | 'forward' | 'saved'> & { readonly result: number },
): Point {
  const together = a.saved + b.saved + aResult + bResult + own.result;
  const peakOf = (first: Point, firstResult: number, second: Point) =>
    Math.max(first.peak, first.saved + firstResult + second.peak, together);
  const leftFirst = peakOf(a, aResult, b);
  const rightFirst = peakOf(b, bResult, a);
  const [first, second] = leftFirst <= rightFirst ? [a, b] : [b, a];
  return {
    cost: a.cost + b.cost + own.cost,
    forward: a.forward + b.forward + own.forward,
    peak: Math.min(leftFirst, rightFirst),
    saved: a.saved + b.saved + own.saved,
    operand: -1,
    first,
    second,
  };
}

const cheapestFirst = (a: Point, b: Point) =>
  a.cost - b.cost || a.forward - b.forward || a.peak - b.peak || a.saved - b.saved;

const isNoDearer = (a: Point, b: Point) =>
  a.cost < b.cost || (a.cost === b.cost && a.forward <= b.forward);

/** Keeps the front free of points that another one is as good as in everything; of equal points the first stays. */
function insert(front: Point[], point: Point): void {
  const { peak, saved } = point;
  for (const other of front)
    if (isNoDearer(other, point) && other.peak <= peak && other.saved <= saved) return;
  let kept = 0;
  for (const other of front)
    if (!(isNoDearer(point, other) && peak <= other.peak && saved <= other.saved))
      front[kept++] = other;
  front.length = kept;
  front.push(point);
}

function thinned(front: Point[], most: number): Point[] {
  if (front.length <= most) return front;
  front.sort(cheapestFirst);
  const least = (measure: (point: Point) => number) =>
    front.reduce((a, b) => (measure(b) < measure(a) ? b : a));
  const kept = new Set([least(({ peak }) => peak), least(({ saved }) => saved)]);
  const step = (front.length - 1) / (most - 3);
  for (let k = 0; k < most - 2; k++) kept.add(front[Math.round(k * step)]);
  return front.filter((point) => kept.has(point));
}

/** Without recursion: trees of heuristics may be deep. */
function treeOf(root: Point): ContractionTree {
  const order: Point[] = [];
  for (const pending = [root]; pending.length > 0; ) {
    const point = pending.pop()!;
    order.push(point);
    if (point.first && point.second) pending.push(point.first, point.second);
  }
  // A point may stand for several subtrees only if they are equal.
  const trees = new Map<Point, ContractionTree>();
  for (const point of order.reverse())
    trees.set(
      point,
      point.first && point.second
        ? [trees.get(point.first)!, trees.get(point.second)!]
        : point.operand,
    );
  return trees.get(root)!;
}
