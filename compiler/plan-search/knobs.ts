/** How the intermediates of contractions are kept small. */
export interface ContractionBound {
  /** Elements that the intermediates of one einsum may take at once, where slices or another order can do that. */
  readonly elements: number;
  /** Whether dearer orders are taken as well, not only slices of the cheapest. */
  readonly reorder: boolean;
}
