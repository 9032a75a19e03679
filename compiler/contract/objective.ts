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

export function costOf(
  { perElement, perContraction }: Objective,
  { macs, left, right, result }: PairwiseWork,
): number {
  return macs + perElement * (left + right + result) + perContraction;
}
