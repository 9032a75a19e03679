import { openLetters } from './exact.ts';
import { costOf, type Objective } from './objective.ts';
import { Carriers, type ContractionTree, type Problem, product, timesDone } from './problem.ts';
import { postOrder } from './steps.ts';

/**
 * A tree and what it takes, memory in elements. `saved` are the intermediates that the gradients read: all of them stay
 * from the forward pass to the backward pass. `peak` is the most that is live at once while the tree is contracted, of two
 * subtrees the first one first: results that are still to be used, the saved ones, and the final result; or while it is
 * differentiated, of two subtrees first the one with which that is less: gradients that are still to be used, and what is
 * saved for others. The operands and their gradients are not counted, as they are there anyway.
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
  /** While it is contracted. */
  readonly peak: number;
  /** While it is differentiated, from the gradient of its result on; 0 where nothing in it is wanted. */
  readonly backward: number;
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
      const [own, other] = [left, right].map((side) => ({
        // An operand has no memory of its own.
        elements: (side & (side - 1)) === 0 ? 0 : elements[side],
        wanted: wanted[side],
      }));
      const node = { cost, forward, result: elements[subset] };
      for (const a of fronts[left])
        for (const b of fronts[right]) insert(front, joined(a, b, own, other, node));
      if (others === 0) break;
    }
    fronts[subset] = thinned(front, most);
  }
  const whole: Point[] = [];
  for (const point of fronts[size - 1])
    insert(whole, { ...point, peak: wholePeak(point), backward: 0 });
  return whole.sort(cheapestFirst).map((point) => ({
    tree: treeOf(point),
    cost: point.cost,
    forward: point.forward,
    peak: point.peak,
    saved: point.saved,
  }));
}

/** The same tree, of two subtrees the one first with which the peak of the contraction is lower. */
export function lowPeakOrder(problem: Problem, tree: ContractionTree): ContractionTree {
  return treeOf(pointOf(problem, tree));
}

/** The most elements that are live at once while a tree is differentiated, as in {@link TreePoint}. */
export const backwardPeak = (problem: Problem, tree: ContractionTree): number =>
  pointOf(problem, tree).backward;

function pointOf(problem: Problem, tree: ContractionTree): Point {
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
    const [left, right] = pair.map((side) => ({ elements: sizeOf(side), ...parts.get(side)! }));
    const letters = carriers.merge(left.letters, right.letters);
    const node = { cost: 0, forward: 0, result: product(letters, 0, problem) };
    const point = joined(left.point, right.point, left, right, node);
    parts.set(pair, { letters, wanted: left.wanted | right.wanted, point });
  }
  return parts.get(tree)!.point;
}

const leaf = (operand: number): Point => ({
  cost: 0,
  forward: 0,
  peak: 0,
  backward: 0,
  saved: 0,
  operand,
  first: null,
  second: null,
});

/** A side of a contraction: the elements of its result, 0 for an operand, and 1 where its gradient is wanted. */
interface Side {
  readonly elements: number;
  readonly wanted: number;
}

/** The contraction of two sides, in the order with the lower peak. */
function joined(
  a: Point,
  b: Point,
  left: Side,
  right: Side,
  node: Pick<Point, 'cost' | 'forward'> & { readonly result: number },
): Point {
  const results = left.elements + right.elements;
  const together = a.saved + b.saved + results + node.result;
  const leftFirst = Math.max(a.peak, a.saved + left.elements + b.peak, together);
  const rightFirst = Math.max(b.peak, b.saved + right.elements + a.peak, together);
  const [first, second] = leftFirst <= rightFirst ? [a, b] : [b, a];
  // A side is saved where the gradient of the other one is wanted.
  const saved = a.saved + b.saved + left.elements * right.wanted + right.elements * left.wanted;
  return {
    cost: a.cost + b.cost + node.cost,
    forward: a.forward + b.forward + node.forward,
    peak: Math.min(leftFirst, rightFirst),
    backward: left.wanted | right.wanted ? backwardOf(a, b, left, right, saved + node.result) : 0,
    saved,
    operand: -1,
    first,
    second,
  };
}

/** With the gradient of the result and all that is saved, `held`, the gradients of both sides are made, and then one side after the other. */
function backwardOf(a: Point, b: Point, left: Side, right: Side, held: number): number {
  const [ofLeft, ofRight] = [left.elements * left.wanted, right.elements * right.wanted];
  return Math.max(
    held + ofLeft + ofRight,
    Math.min(
      Math.max(a.backward + ofRight + b.saved, b.backward),
      Math.max(b.backward + ofLeft + a.saved, a.backward),
    ),
  );
}

const wholePeak = ({ peak, backward }: Point) => Math.max(peak, backward);

const cheapestFirst = (a: Point, b: Point) =>
  a.cost - b.cost || a.forward - b.forward || a.peak - b.peak || a.saved - b.saved;

const isNoDearer = (a: Point, b: Point) =>
  a.cost < b.cost || (a.cost === b.cost && a.forward <= b.forward);

const isAsGood = (a: Point, b: Point) =>
  isNoDearer(a, b) && a.peak <= b.peak && a.backward <= b.backward && a.saved <= b.saved;

/** Keeps the front free of points that another one is as good as in everything; of equal points the first stays. */
function insert(front: Point[], point: Point): void {
  for (const other of front) if (isAsGood(other, point)) return;
  let kept = 0;
  for (const other of front) if (!isAsGood(point, other)) front[kept++] = other;
  front.length = kept;
  front.push(point);
}

function thinned(front: Point[], most: number): Point[] {
  if (front.length <= most) return front;
  front.sort(cheapestFirst);
  const least = (measure: (point: Point) => number) =>
    front.reduce((a, b) => (measure(b) < measure(a) ? b : a));
  const kept = new Set([least(wholePeak), least(({ saved }) => saved)]);
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
