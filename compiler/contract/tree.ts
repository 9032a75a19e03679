/** A binary contraction tree over operand numbers: `[[0, 2], 1]`. A single operand is its number. */
export type ContractionTree = number | readonly [ContractionTree, ContractionTree];

export interface ContractionOrder {
  readonly tree: ContractionTree;
  /** Multiply-adds: the sum over pairwise contractions of the product of the extents of all letters involved. */
  readonly macs: number;
  /** Elements of the largest intermediate result (the final one not counted). */
  readonly largestIntermediate: number;
  readonly method: 'exact' | 'greedy';
}

/** Up to this many operands the order is found by exact search: 3^n pairs of subsets. */
const MAX_EXACT_OPERANDS = 13;

/**
 * The order of pairwise contractions with the least multiply-adds. Exact by dynamic programming over subsets of operands
 * (outer products included), greedy above {@link MAX_EXACT_OPERANDS}. Letters that one operand alone carries and the
 * output lacks are summed before the search, so terms hold only letters that are shared or kept. Ties go to the first
 * pair in a fixed enumeration, so the result is deterministic.
 *
 * @param operands one string of distinct letters per operand
 * @param output letters of the result
 * @param extents extent of every letter
 */
export function contractionOrder(
  operands: readonly string[],
  output: string,
  extents: ReadonlyMap<string, number>,
): ContractionOrder {
  const letters = [...extents.keys()];
  const bit = new Map(letters.map((letter, k) => [letter, k]));
  const problem: Problem = {
    count: operands.length,
    terms: operands.map((term) => wordsOf(term, bit, letters.length)),
    output: wordsOf(output, bit, letters.length),
    extents: letters.map((letter) => extents.get(letter)!),
    words: Math.max(1, Math.ceil(letters.length / 30)),
  };
  if (operands.length === 1) return { tree: 0, macs: 0, largestIntermediate: 0, method: 'exact' };
  return operands.length <= MAX_EXACT_OPERANDS ? exact(problem) : greedy(problem);
}

interface Problem {
  readonly count: number;
  /** Letter sets as bit words of 30 letters each. */
  readonly terms: readonly Int32Array[];
  readonly output: Int32Array;
  /** Extent by letter. */
  readonly extents: readonly number[];
  readonly words: number;
}

function wordsOf(term: string, bit: ReadonlyMap<string, number>, letterCount: number): Int32Array {
  const words = new Int32Array(Math.max(1, Math.ceil(letterCount / 30)));
  for (const letter of term) {
    const k = bit.get(letter)!;
    words[Math.floor(k / 30)] |= 1 << (k % 30);
  }
  return words;
}

function product(words: Int32Array, offset: number, { extents, words: count }: Problem): number {
  let result = 1;
  for (let word = 0; word < count; word++) {
    for (let bits = words[offset + word]; bits !== 0; bits &= bits - 1) {
      result *= extents[word * 30 + 31 - Math.clz32(bits & -bits)];
    }
  }
  return result;
}

/**
 * Letters of the result of contracting a subset: those in the subset and also in the output or in an operand outside.
 * cost(S) = min over S = A ∪ B of cost(A) + cost(B) + Π extents(letters(A) ∪ letters(B)).
 */
function exact(problem: Problem): ContractionOrder {
  const { count, terms, output, words } = problem;
  const size = 1 << count;
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
  const cost = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
  const split = new Int32Array(size);
  for (let k = 0; k < count; k++) cost[1 << k] = 0;
  const joint = new Int32Array(words);
  for (let subset = 3; subset < size; subset++) {
    if ((subset & (subset - 1)) === 0) continue;
    const lowest = subset & -subset;
    // `left` always holds the lowest operand, so each unordered pair is seen once.
    for (let left = (subset - 1) & subset; left > 0; left = (left - 1) & subset) {
      if ((left & lowest) === 0) continue;
      const right = subset ^ left;
      const below = cost[left] + cost[right];
      if (below >= cost[subset]) continue;
      for (let w = 0; w < words; w++) joint[w] = open[left * words + w] | open[right * words + w];
      const total = below + product(joint, 0, problem);
      if (total < cost[subset]) {
        cost[subset] = total;
        split[subset] = left;
      }
    }
  }
  return { ...readTree(split, elements, size - 1), macs: cost[size - 1], method: 'exact' };
}

function readTree(
  split: Int32Array,
  elements: Float64Array,
  full: number,
): { tree: ContractionTree; largestIntermediate: number } {
  let largestIntermediate = 0;
  // A tree over at most 13 operands: the depth of this recursion is bounded by that.
  const build = (subset: number): ContractionTree => {
    if ((subset & (subset - 1)) === 0) return 31 - Math.clz32(subset);
    if (subset !== full) largestIntermediate = Math.max(largestIntermediate, elements[subset]);
    return [build(split[subset]), build(subset ^ split[subset])];
  };
  return { tree: build(full), largestIntermediate };
}

/** Repeatedly contracts the pair whose result is smallest relative to what it replaces. */
function greedy(problem: Problem): ContractionOrder {
  const { words, output } = problem;
  const parts: { tree: ContractionTree; letters: Int32Array; elements: number }[] =
    problem.terms.map((letters, k) => ({
      tree: k,
      letters,
      elements: product(letters, 0, problem),
    }));
  let macs = 0;
  let largestIntermediate = 0;
  while (parts.length > 1) {
    let best = { score: Number.POSITIVE_INFINITY, a: 0, b: 1 };
    for (let a = 0; a < parts.length; a++) {
      for (let b = a + 1; b < parts.length; b++) {
        const score =
          product(resultLetters(a, b), 0, problem) - parts[a].elements - parts[b].elements;
        if (score < best.score) best = { score, a, b };
      }
    }
    const { a, b } = best;
    const letters = resultLetters(a, b);
    const joint = parts[a].letters.map((word, w) => word | parts[b].letters[w]);
    macs += product(joint, 0, problem);
    const elements = product(letters, 0, problem);
    if (parts.length > 2) largestIntermediate = Math.max(largestIntermediate, elements);
    const merged = { tree: [parts[a].tree, parts[b].tree] as const, letters, elements };
    parts.splice(b, 1);
    parts[a] = merged;
  }
  return { tree: parts[0].tree, macs, largestIntermediate, method: 'greedy' };

  function resultLetters(a: number, b: number): Int32Array {
    const kept = new Int32Array(words);
    for (let w = 0; w < words; w++) {
      let needed = output[w];
      for (let k = 0; k < parts.length; k++) if (k !== a && k !== b) needed |= parts[k].letters[w];
      kept[w] = (parts[a].letters[w] | parts[b].letters[w]) & needed;
    }
    return kept;
  }
}
