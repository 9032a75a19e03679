import { costOf, type Objective } from './objective.ts';
import { peakOf } from './price.ts';
import { type ContractionTree, type Problem, product, takesWindow, timesDone } from './problem.ts';

/** Up to this many operands the search over all subsets is worth its 3^n pairs: a tenth of a second at 15. */
export const MAX_EXACT_OPERANDS = 16;

/**
 * The cheapest tree of all, outer products included:
 * cost(S) = min over S = A ∪ B of cost(A) + cost(B) + the objective's price of joining A and B,
 * by dynamic programming over subsets. What the result of a subset carries are its letters that are also in the output
 * or in an operand outside. Windows join for nothing, but only what they can look at. Ties go to the cheaper forward pass,
 * then to the lower peak ({@link Price}; sums and maxima keep both orders), then to the first pair in a fixed enumeration.
 */
export function exactTree(problem: Problem, objective: Objective): ContractionTree {
  const { count, words } = problem;
  const size = 2 ** count;
  const { open, elements } = openLetters(problem);
  const wanted = new Uint8Array(size);
  for (let subset = 1; subset < size; subset++) {
    const lowest = 31 - Math.clz32(subset & -subset);
    wanted[subset] = problem.wanted[lowest] | wanted[subset & (subset - 1)];
  }
  const cost = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
  const forward = new Float64Array(size);
  const peak = new Float64Array(size);
  const split = new Int32Array(size);
  for (let k = 0; k < count; k++) cost[2 ** k] = 0;
  /** What the result of a subset takes beside the operands. */
  const held = (subset: number) => ((subset & (subset - 1)) === 0 ? 0 : elements[subset]);
  const joint = new Int32Array(words);
  const windows = problem.windows.reduce((set, window, k) => (window ? set | (1 << k) : set), 0);
  /** The subset where it is a window and nothing else, or 0. */
  const lone = (subset: number) => ((subset & (subset - 1)) === 0 ? subset & windows : 0);
  for (let subset = 3; subset < size; subset++) {
    const lowest = subset & -subset;
    const rest = subset ^ lowest;
    if (rest === 0) continue;
    const result = elements[subset];
    let best = Number.POSITIVE_INFINITY;
    let bestForward = Number.POSITIVE_INFINITY;
    let bestPeak = Number.POSITIVE_INFINITY;
    const offer = (left: number, right: number, total: number, forwardTotal: number) => {
      if (total > best || (total === best && forwardTotal > bestForward)) return;
      const high = peakOf(held(left), peak[left], held(right), peak[right], result);
      if (total === best && forwardTotal === bestForward && high >= bestPeak) return;
      best = total;
      bestForward = forwardTotal;
      bestPeak = high;
      split[subset] = left;
    };
    // `left` always holds the lowest operand, so each unordered pair is seen once.
    for (let others = (rest - 1) & rest; ; others = (others - 1) & rest) {
      const left = others | lowest;
      const right = subset ^ left;
      const below = cost[left] + cost[right];
      const window = windows === 0 ? 0 : lone(left) || lone(right);
      if (window !== 0) {
        const letters = problem.windows[31 - Math.clz32(window)]!;
        if (below <= best && takesWindow(letters, open, (subset ^ window) * words))
          offer(left, right, below, forward[left] + forward[right]);
        if (others === 0) break;
        continue;
      }
      // No product of extents is less than that of either side.
      if (below + Math.max(elements[left], elements[right], result) <= best) {
        for (let w = 0; w < words; w++) joint[w] = open[left * words + w] | open[right * words + w];
        const work = {
          macs: product(joint, 0, problem),
          left: elements[left],
          right: elements[right],
          result,
        };
        const own = costOf(objective, work);
        const total = below + timesDone(wanted[left], wanted[right]) * own;
        offer(left, right, total, forward[left] + forward[right] + own);
      }
      if (others === 0) break;
    }
    cost[subset] = best;
    forward[subset] = bestForward;
    peak[subset] = bestPeak;
  }
  return readTree(split, size - 1);
}

/** Per subset the letters of its result, and their number of elements. */
export function openLetters(problem: Problem): { open: Int32Array; elements: Float64Array } {
  const { count, terms, output, words } = problem;
  const size = 2 ** count;
  const union = new Int32Array(size * words);
  for (let subset = 1; subset < size; subset++) {
    const lowest = 31 - Math.clz32(subset & -subset);
    const rest = subset & (subset - 1);
    for (let w = 0; w < words; w++)
      union[subset * words + w] = union[rest * words + w] | terms[lowest][w];
  }
  const open = new Int32Array(size * words);
  const elements = new Float64Array(size);
  for (let subset = 1; subset < size; subset++) {
    const outside = size - 1 - subset;
    for (let w = 0; w < words; w++)
      open[subset * words + w] =
        union[subset * words + w] & (union[outside * words + w] | output[w]);
    elements[subset] = product(open, subset * words, problem);
  }
  return { open, elements };
}

/** The depth of the recursion is bounded by the number of operands of an exact search. */
function readTree(split: Int32Array, subset: number): ContractionTree {
  if ((subset & (subset - 1)) === 0) return 31 - Math.clz32(subset);
  return [readTree(split, split[subset]), readTree(split, subset ^ split[subset])];
}
