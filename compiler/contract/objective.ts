/** What one pairwise contraction touches, in elements. */
export interface PairwiseWork {
  /** Product of the extents of all letters of both operands. */
  readonly macs: number;
  readonly left: number;
  readonly right: number;
  readonly result: number;
}

/** What the search minimises: the sum of this over all pairwise contractions. */
export interface Objective {
  readonly name: 'macs' | 'time';
  /** Multiply-adds that moving one element to or from memory is worth. */
  readonly perElement: number;
  /** Multiply-adds that one more kernel is worth. */
  readonly perContraction: number;
}

/** Plain multiply-adds, as the literature counts. */
export const MACS: Objective = { name: 'macs', perElement: 0, perContraction: 0 };

/**
 * Time on a target by its roofline: a GPU does about 16 multiply-adds in the time in which it moves four bytes, and about
 * 2²² in that of one dispatch; one core does about 2, and about 2⁹ in that of a call.
 */
export const TIME: Readonly<Record<'webgpu' | 'wasm', Objective>> = {
  webgpu: { name: 'time', perElement: 16, perContraction: 2 ** 22 },
  wasm: { name: 'time', perElement: 2, perContraction: 2 ** 9 },
};

export function costOf(
  { perElement, perContraction }: Objective,
  { macs, left, right, result }: PairwiseWork,
): number {
  return macs + perElement * (left + right + result) + perContraction;
}
