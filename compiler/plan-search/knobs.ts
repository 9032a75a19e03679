/** How the intermediates of contractions are kept small. */
export interface ContractionBound {
  /** Elements that the intermediates of one einsum may take at once, where slices or another order can do that. */
  readonly elements: number;
  /** Whether dearer orders are taken as well, not only slices of the cheapest. */
  readonly reorder: boolean;
}

/** What a search turns in the passes over graphs. */
export interface GraphKnobs {
  /** Null where intermediates of contractions may be as large as they are. */
  readonly bound: ContractionBound | null;
  /** Into how many parts the batch is cut; 1 for none. */
  readonly microBatches: number;
  /**
   * 0, or how tensors fit the bindings of a device: parameters that are larger than one are cut, and the batch into so many
   * parts, which run together up to where examples are combined.
   */
  readonly split: number;
  /** Whether reductions run in parts only where the results of these take little memory. */
  readonly smallParts: boolean;
  /** Whether values that are parts of one tensor are tensors of their own, joined by a copy where that is read. */
  readonly separateParts: boolean;
  /** Which values are stored as halves: none, all that half precision has so, or activations that are kept for gradients. */
  readonly half: 'all' | 'kept' | null;
  /** Whether wide intermediates are computed tile by tile whatever that takes. */
  readonly tiles: boolean;
}

export const NO_KNOBS: GraphKnobs = {
  bound: null,
  microBatches: 1,
  split: 0,
  smallParts: false,
  separateParts: false,
  half: null,
  tiles: false,
};
