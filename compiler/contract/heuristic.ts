import { uniform } from '../../ir/random.ts';
import { cappedTree } from './capped.ts';
import { exactTree } from './exact.ts';
import { costOf, type Objective } from './objective.ts';
import { comparePrices, FREE, type Price, peakOf } from './price.ts';
import { Carriers, type ContractionTree, type Problem, product, timesDone } from './problem.ts';

// Orders for more operands than an exact search takes. All is deterministic: the same einsum, the same tree.

/** Greedy runs with other noise; the first is plain greedy, so that the result is never worse than that. */
const GREEDY_RUNS = 24;
const TEMPERATURES = [0, 0.1, 0.3, 1];
/** Subtrees with up to so many branches are reordered exactly. */
const RECONFIGURED_OPERANDS = 8;
const MAX_ROUNDS = 6;
const SEED = 0x6f72646572;

/** A subtree with its price. */
interface Node extends Price {
  readonly letters: Int32Array;
  readonly elements: number;
  /** Children; operands have none. */
  readonly left: Node | null;
  readonly right: Node | null;
  readonly operand: number;
  /** 1 when the gradient of an operand below is wanted. */
  readonly wanted: number;
}

/**
 * The best of several randomised greedy orders, each improved by exact reordering of its subtrees, and of the cost-capped
 * search below what they cost.
 */
export function heuristicTree(problem: Problem, objective: Objective): ContractionTree {
  return heuristicTrees(problem, objective)[0];
}

/** All of these orders, cheapest first. */
export function heuristicTrees(problem: Problem, objective: Objective): ContractionTree[] {
  const found = Array.from({ length: GREEDY_RUNS }, (_, run) =>
    reconfigured(greedy(problem, objective, run), problem, objective),
  ).sort(comparePrices);
  const capped = cappedTree(problem, objective, found[0]);
  return [...(capped === null ? [] : [capped]), ...found.map(treeOf)];
}

/** Plain greedy alone: what the search must never be worse than. */
export function greedyTree(problem: Problem, objective: Objective): ContractionTree {
  return treeOf(greedy(problem, objective, 0));
}

function leaf(problem: Problem, operand: number): Node {
  const letters = problem.terms[operand];
  const elements = product(letters, 0, problem);
  const wanted = problem.wanted[operand];
  return { letters, elements, left: null, right: null, operand, wanted, ...FREE };
}

/** What a result takes beside the operands. */
const held = ({ left, elements }: Node) => (left ? elements : 0);

/** The contraction of two nodes, of which `letters` are kept. */
function join(
  left: Node,
  right: Node,
  letters: Int32Array,
  problem: Problem,
  objective: Objective,
): Node {
  const joint = left.letters.map((word, w) => word | right.letters[w]);
  const elements = product(letters, 0, problem);
  const macs = product(joint, 0, problem);
  const own = costOf(objective, {
    macs,
    left: left.elements,
    right: right.elements,
    result: elements,
  });
  const cost = left.cost + right.cost + timesDone(left.wanted, right.wanted) * own;
  const wanted = left.wanted | right.wanted;
  const forward = left.forward + right.forward + own;
  const peak = peakOf(held(left), left.peak, held(right), right.peak, elements);
  return { letters, elements, left, right, operand: -1, wanted, cost, forward, peak };
}

/**
 * Repeatedly joins the pair whose result is smallest beside what it replaces; with a temperature, sizes are blurred by
 * Gumbel noise (as cotengra does, Gray and Kourtis 2021).
 */
function greedy(problem: Problem, objective: Objective, run: number): Node {
  const temperature = run === 0 ? 0 : TEMPERATURES[run % TEMPERATURES.length];
  let draws = 0;
  const noise = () => -Math.log(-Math.log(uniform(SEED, run, draws++, 0) * 0.999998 + 1e-6));
  const parts = Array.from({ length: problem.count }, (_, k) => leaf(problem, k));
  const carriers = new Carriers(
    problem,
    parts.map(({ letters }) => letters),
  );
  while (parts.length > 1) {
    let best = { score: Number.POSITIVE_INFINITY, a: 0, b: 1 };
    for (let a = 0; a < parts.length; a++) {
      for (let b = a + 1; b < parts.length; b++) {
        const kept = carriers.kept(parts[a].letters, parts[b].letters);
        const size = product(kept, 0, problem);
        const score =
          temperature === 0
            ? size - parts[a].elements - parts[b].elements
            : Math.log2(size) -
              Math.log2(parts[a].elements + parts[b].elements) -
              temperature * noise();
        if (score < best.score) best = { score, a, b };
      }
    }
    const { a, b } = best;
    const kept = carriers.merge(parts[a].letters, parts[b].letters);
    const merged = join(parts[a], parts[b], kept, problem, objective);
    parts.splice(b, 1);
    parts[a] = merged;
  }
  return parts[0];
}

/** Reorders subtrees exactly, from the leaves up, until a round gains nothing. */
function reconfigured(root: Node, problem: Problem, objective: Objective): Node {
  let current = root;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = improve(current, problem, objective);
    if (comparePrices(next, current) >= 0) break;
    current = next;
  }
  return current;
}

/** Rebuilds a tree bottom-up, without recursion: every node is reordered over its widest branches. */
function improve(root: Node, problem: Problem, objective: Objective): Node {
  const order: Node[] = [];
  for (let pending: Node[] = [root]; pending.length > 0; ) {
    const node = pending.pop()!;
    order.push(node);
    if (node.left && node.right) pending.push(node.left, node.right);
  }
  const built = new Map<Node, Node>();
  for (const node of order.reverse()) {
    if (!node.left || !node.right) {
      built.set(node, node);
      continue;
    }
    const left = built.get(node.left)!;
    const right = built.get(node.right)!;
    const same = join(left, right, node.letters, problem, objective);
    const better = reorder(same, problem, objective);
    built.set(node, comparePrices(better, same) < 0 ? better : same);
  }
  return built.get(root)!;
}

/** The exact best order of a node's largest branches, kept whole. Its letters stay what they are. */
function reorder(node: Node, problem: Problem, objective: Objective): Node {
  const branches: Node[] = [node];
  while (branches.length < RECONFIGURED_OPERANDS) {
    let widest = -1;
    branches.forEach(({ left, elements }, k) => {
      if (left && (widest < 0 || elements > branches[widest].elements)) widest = k;
    });
    if (widest < 0) break;
    const { left, right } = branches[widest];
    branches.splice(widest, 1, left!, right!);
  }
  if (branches.length < 3) return node;
  const inner: Problem = {
    ...problem,
    count: branches.length,
    terms: branches.map(({ letters }) => letters),
    output: node.letters,
    wanted: Uint8Array.from(branches, ({ wanted }) => wanted),
    windows: branches.map(() => null),
  };
  const carriers = new Carriers(inner, inner.terms);
  // A tree over a few branches: the depth is bounded by their number.
  const build = (tree: ContractionTree): Node => {
    if (typeof tree === 'number') return branches[tree];
    const left = build(tree[0]);
    const right = build(tree[1]);
    const kept = carriers.merge(left.letters, right.letters);
    return join(left, right, kept, problem, objective);
  };
  return build(exactTree(inner, objective));
}

/** Nested operand numbers, without recursion by depth. */
function treeOf(root: Node): ContractionTree {
  const done = new Map<Node, ContractionTree>();
  const pending = [root];
  while (pending.length > 0) {
    const node = pending[pending.length - 1];
    if (!node.left || !node.right) {
      done.set(node, node.operand);
      pending.pop();
      continue;
    }
    const left = done.get(node.left);
    const right = done.get(node.right);
    if (left === undefined || right === undefined) {
      if (right === undefined) pending.push(node.right);
      if (left === undefined) pending.push(node.left);
      continue;
    }
    done.set(node, [left, right]);
    pending.pop();
  }
  return done.get(root)!;
}
