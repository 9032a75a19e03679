/** Tensor `to`, which a step writes, may take over the place of `from`, which it reads. */
export interface TensorPair {
  readonly from: number;
  readonly to: number;
}

/**
 * The handovers of one step, which every count of live bytes and in-place sharing itself agree on: a tensor that begins
 * in the step takes over the place of one that dies in it; of the pairs that are possible, in their order, the first for
 * each tensor. `dies`: nothing needs the tensor behind the step, a copy to the host included. `begins`: nothing wrote
 * it before the step, neither the caller nor a copy from the host.
 */
export function takeHandovers<Pair extends TensorPair>(
  pairs: readonly Pair[],
  dies: (tensor: number) => boolean,
  begins: (tensor: number) => boolean,
  take: (pair: Pair) => void,
  most = Number.POSITIVE_INFINITY,
): void {
  // The tensors of a step are few, and most steps have one pair or none.
  let taken: number[] | null = null;
  for (const pair of pairs) {
    const { from, to } = pair;
    if (!dies(from) || !begins(to)) continue;
    if (taken === null) taken = [from, to];
    else if (taken.includes(from) || taken.includes(to)) continue;
    else taken.push(from, to);
    take(pair);
    if (taken.length >= 2 * most) return;
  }
}
