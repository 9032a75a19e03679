/**
 * What a tree costs, in the order in which trees are compared: of two with the same training cost the one with the cheaper
 * forward pass is better, and of two with the same of both the one that holds less at once.
 */
export interface Price {
  /** The objective's sum over a training step. */
  readonly cost: number;
  /** The objective's sum over one evaluation. */
  readonly forward: number;
  /**
   * Elements that are live at the most during one evaluation, of two subtrees the better one first: results that are still
   * to be used and the result; the operands are not counted.
   */
  readonly peak: number;
}

export const FREE: Price = { cost: 0, forward: 0, peak: 0 };

/** Negative where `a` is better than `b`. */
export function comparePrices(a: Price, b: Price): number {
  return a.cost - b.cost || a.forward - b.forward || a.peak - b.peak;
}

/**
 * The peak of contracting two sides: `left` and `right` are what their results take (0 of operands), `leftPeak` and
 * `rightPeak` what making them takes.
 */
export function peakOf(
  left: number,
  leftPeak: number,
  right: number,
  rightPeak: number,
  result: number,
): number {
  return Math.max(
    left + right + result,
    Math.min(Math.max(leftPeak, left + rightPeak), Math.max(rightPeak, right + leftPeak)),
  );
}
