/** An einsum as sets of letters. A set is `words` numbers of 30 bits each. */
export interface Problem {
  readonly count: number;
  readonly words: number;
  /** One set per operand. */
  readonly terms: readonly Int32Array[];
  readonly output: Int32Array;
  /** 1 for operands whose gradient is wanted. */
  readonly wanted: Uint8Array;
  /** Extent by letter. */
  readonly extents: readonly number[];
  /** By operand: its sets of letters where it is a window, else null. */
  readonly windows: readonly (WindowLetters | null)[];
}

/**
 * A window along an axis as an operand of the einsum: 1 where element h lies under tap k of position o, 0 elsewhere. The
 * contraction with what carries h and neither o nor k costs nothing: it is a view. Other contractions with it are not made.
 */
export interface WindowLetters {
  /** The axis: h. */
  readonly axis: Int32Array;
  /** Position and tap: o and k. */
  readonly steps: Int32Array;
}

/** Whether what carries `letters` can be looked at through a window. */
export function takesWindow(
  { axis, steps }: WindowLetters,
  letters: Int32Array,
  offset = 0,
): boolean {
  return (
    axis.every((word, w) => (letters[offset + w] & word) === word) &&
    steps.every((word, w) => (letters[offset + w] & word) === 0)
  );
}

/** A binary contraction tree over operand numbers: `[[0, 2], 1]`. A single operand is its number. */
export type ContractionTree = number | readonly [ContractionTree, ContractionTree];

const LETTERS_PER_WORD = 30;

/**
 * The letters of each operand, each once, less those that it alone carries and the output lacks: they are summed before any
 * contraction.
 */
export function keptLetters(operands: readonly string[], output: string): string[] {
  return operands.map((term, k) =>
    [...new Set(term)]
      .filter(
        (letter) =>
          output.includes(letter) || operands.some((other, j) => j !== k && other.includes(letter)),
      )
      .join(''),
  );
}

export interface ProblemOptions {
  /** Operands whose gradients are wanted. */
  readonly wanted?: readonly boolean[];
  /** Operands that are windows: their letters are axis, position and tap. */
  readonly windows?: readonly number[];
}

/** Of each operand its {@link keptLetters}. */
export function createProblem(
  operands: readonly string[],
  output: string,
  extents: ReadonlyMap<string, number>,
  { wanted = [], windows = [] }: ProblemOptions = {},
): Problem {
  const letters = [...extents.keys()];
  const bit = new Map(letters.map((letter, k) => [letter, k]));
  const words = Math.max(1, Math.ceil(letters.length / LETTERS_PER_WORD));
  const setOf = (term: string) => {
    const set = new Int32Array(words);
    for (const letter of term) {
      const k = bit.get(letter)!;
      set[Math.floor(k / LETTERS_PER_WORD)] |= 1 << (k % LETTERS_PER_WORD);
    }
    return set;
  };
  return {
    count: operands.length,
    words,
    terms: keptLetters(operands, output).map(setOf),
    output: setOf(output),
    wanted: Uint8Array.from(operands, (_, k) => (wanted[k] ? 1 : 0)),
    extents: letters.map((letter) => extents.get(letter)!),
    windows: operands.map((term, k) =>
      windows.includes(k) ? { axis: setOf(term[0]), steps: setOf(term.slice(1)) } : null,
    ),
  };
}

/**
 * How often the work of one pairwise contraction is done in a training step: once forward, and once more for the gradient
 * of each side that holds a wanted operand. Both are contractions over the same letters.
 */
export function timesDone(leftWanted: number, rightWanted: number): number {
  return 1 + leftWanted + rightWanted;
}

/** Product of the extents of the letters of the set that starts at `offset`. */
export function product(sets: Int32Array, offset: number, { extents, words }: Problem): number {
  let result = 1;
  for (let word = 0; word < words; word++) {
    for (let bits = sets[offset + word]; bits !== 0; bits &= bits - 1)
      result *= extents[word * LETTERS_PER_WORD + 31 - Math.clz32(bits & -bits)];
  }
  return result;
}

/** Per letter, how many parts of an unfinished contraction carry it; the output counts as one. */
export class Carriers {
  private readonly counts: Int32Array;

  constructor({ words, output }: Problem, parts: readonly Int32Array[]) {
    this.counts = new Int32Array(words * LETTERS_PER_WORD);
    for (const letters of [output, ...parts]) this.add(letters, 1);
  }

  /** Letters that the contraction of two parts keeps: those that something else carries as well. */
  kept(left: Int32Array, right: Int32Array): Int32Array {
    return left.map((word, w) => {
      let kept = 0;
      for (let bits = word | right[w]; bits !== 0; bits &= bits - 1) {
        const bit = bits & -bits;
        const own = Number((word & bit) !== 0) + Number((right[w] & bit) !== 0);
        if (this.counts[w * LETTERS_PER_WORD + 31 - Math.clz32(bit)] > own) kept |= bit;
      }
      return kept;
    });
  }

  /** Puts the contraction of two parts in their place; gives the letters that it keeps. */
  merge(left: Int32Array, right: Int32Array): Int32Array {
    const kept = this.kept(left, right);
    this.add(left, -1);
    this.add(right, -1);
    this.add(kept, 1);
    return kept;
  }

  private add(letters: Int32Array, by: number): void {
    letters.forEach((word, w) => {
      for (let bits = word; bits !== 0; bits &= bits - 1)
        this.counts[w * LETTERS_PER_WORD + 31 - Math.clz32(bits & -bits)] += by;
    });
  }
}
