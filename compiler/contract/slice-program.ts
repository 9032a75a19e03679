import { type ContractionTree, keptLetters } from './problem.ts';
import { type PairwiseStep, pairwiseSteps } from './steps.ts';

/** One index cut into `chunks` parts: what carries it is computed one part after the other. */
export interface Slice {
  readonly letter: string;
  readonly chunks: number;
}

/** An einsum, a tree for it, and which operands take a gradient. */
export interface TreedEinsum {
  readonly operands: readonly string[];
  readonly output: string;
  readonly extents: ReadonlyMap<string, number>;
  readonly wanted: readonly boolean[];
  readonly tree: ContractionTree;
}

/** Half-open ranges of sliced letters. */
export type Ranges = ReadonlyMap<string, readonly [number, number]>;

/** One operation of a sliced tree. Operations name each other by their positions. */
export type SliceOperation =
  /** An operand, cut to `ranges`. */
  | { readonly kind: 'operand'; readonly operand: number; readonly ranges: Ranges }
  | {
      readonly kind: 'contract';
      readonly left: number;
      readonly right: number;
      readonly step: PairwiseStep;
    }
  /** Adds a part of a sum to what is there. */
  | { readonly kind: 'add'; readonly sum: number; readonly part: number }
  /** Joins parts of the result; its memory is there from operation `start` on, and takes each part as it is made. */
  | {
      readonly kind: 'concat';
      readonly parts: readonly number[];
      readonly axis: number;
      readonly start: number;
    };

export interface SliceProgram {
  readonly operations: readonly SliceOperation[];
  /** Elements that each operation's result takes; none for operands and for additions in place. */
  readonly elements: readonly number[];
  /** The part of the tree that each operation makes, of the numbers of {@link PairwiseStep}; -1 for those of a result. */
  readonly parts: readonly number[];
}

/**
 * A tree in slices as straight-line code. What carries no sliced letter is computed once; a sliced letter that is summed
 * is summed where it goes, so that the multiply-adds are those of the tree as a whole.
 */
export function sliceProgram(einsum: TreedEinsum, slices: readonly Slice[]): SliceProgram {
  return new ProgramBuilder(einsum, slices).build();
}

class ProgramBuilder {
  private readonly operations: SliceOperation[] = [];
  private readonly elements: number[] = [];
  private readonly parts: number[] = [];
  private readonly einsum: TreedEinsum;
  private readonly steps: readonly PairwiseStep[];
  private readonly chunks: ReadonlyMap<string, number>;
  /** Letters by part. */
  private readonly terms: readonly string[];
  private readonly made = new Map<string, number>();

  constructor(einsum: TreedEinsum, slices: readonly Slice[]) {
    const operands = keptLetters(einsum.operands, einsum.output);
    this.einsum = einsum;
    this.steps = pairwiseSteps(operands, einsum.output, einsum.tree);
    this.chunks = new Map(slices.map(({ letter, chunks }) => [letter, chunks]));
    this.terms = [...operands, ...this.steps.map(({ result }) => result)];
  }

  build(): SliceProgram {
    const outer = [...this.einsum.output].filter((letter) => this.chunks.has(letter));
    this.joined(outer, new Map());
    const { operations, elements, parts } = this;
    return { operations, elements, parts };
  }

  private push(operation: SliceOperation, part: number, elements: number): number {
    this.elements.push(elements);
    this.parts.push(part);
    return this.operations.push(operation) - 1;
  }

  private rangesOf(letter: string): (readonly [number, number])[] {
    const extent = this.einsum.extents.get(letter)!;
    const size = Math.ceil(extent / this.chunks.get(letter)!);
    const ranges: (readonly [number, number])[] = [];
    for (let start = 0; start < extent; start += size)
      ranges.push([start, Math.min(extent, start + size)]);
    return ranges;
  }

  private size(term: string, ranges: Ranges): number {
    return [...term].reduce((product, letter) => {
      const range = ranges.get(letter);
      return product * (range ? range[1] - range[0] : this.einsum.extents.get(letter)!);
    }, 1);
  }

  /** The result over all ranges of the letters in `outer`. The depth is the number of sliced letters. */
  private joined([letter, ...inner]: readonly string[], ranges: Ranges): number {
    if (letter === undefined) return this.part(this.terms.length - 1, ranges);
    const start = this.operations.length;
    const parts = this.rangesOf(letter).map((range) =>
      this.joined(inner, new Map([...ranges, [letter, range]])),
    );
    const axis = this.einsum.output.indexOf(letter);
    const elements = this.size(this.einsum.output, ranges);
    return this.push({ kind: 'concat', parts, axis, start }, -1, elements);
  }

  /** One part of the tree at the ranges that it carries. The depth is at most the number of letters of an einsum. */
  private part(part: number, all: Ranges): number {
    const term = this.terms[part];
    const ranges = new Map([...all].filter(([letter]) => term.includes(letter)));
    const key = `${part} ${[...ranges].join(' ')}`;
    let made = this.made.get(key);
    if (made === undefined) {
      made = this.make(part, ranges);
      this.made.set(key, made);
    }
    return made;
  }

  private make(part: number, ranges: Ranges): number {
    const count = this.einsum.operands.length;
    if (part < count) return this.push({ kind: 'operand', operand: part, ranges }, part, 0);
    const step = this.steps[part - count];
    const { left, right, terms, result } = step;
    let combinations: Ranges[] = [ranges];
    for (const letter of this.chunks.keys()) {
      if (result.includes(letter) || !terms.join('').includes(letter)) continue;
      combinations = combinations.flatMap((one) =>
        this.rangesOf(letter).map((range) => new Map([...one, [letter, range]])),
      );
    }
    let sum = -1;
    for (const combination of combinations) {
      const sides = [this.part(left, combination), this.part(right, combination)];
      const contract = { kind: 'contract', left: sides[0], right: sides[1], step } as const;
      const product = this.push(contract, part, this.size(result, ranges));
      sum = sum < 0 ? product : this.push({ kind: 'add', sum, part: product }, part, 0);
    }
    return sum;
  }
}
