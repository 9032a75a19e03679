import { elementCount, type Shape } from '../../ir/tensor.ts';

/** Results below which one kernel cannot occupy a device; rows that lie together are as quick one by one. */
const FEW_RESULTS = { rows: 4, others: 128 };
/** Elements above which a reduction to few results is worth a second kernel. */
const MANY_ELEMENTS = 1 << 16;
/** Elements that each partial result reduces, at least; and partial results, at most. */
const PARTIAL_ELEMENTS = 512;
const MOST_PARTIALS = 1024;

/**
 * Where to cut a reduction of many elements to few results into partial results that are reduced in a second kernel: the
 * reduced axes before `position` and the outer part of that axis are parallel at first; its inner part has `inner`
 * elements. Null where one kernel is as good.
 *
 * @param areRows whether the terms of a result are neighbours in memory
 */
export function partialReduction(
  results: number,
  reduced: Shape,
  areRows: boolean,
): { position: number; inner: number } | null {
  const elements = elementCount(reduced);
  if (results >= FEW_RESULTS[areRows ? 'rows' : 'others'] || results * elements < MANY_ELEMENTS)
    return null;
  const least = Math.max(PARTIAL_ELEMENTS, Math.ceil(elements / MOST_PARTIALS));
  let rest = elements;
  for (let position = 0; position < reduced.length; position++) {
    const below = rest / reduced[position];
    if (below < least) {
      const inner = smallestDivisor(reduced[position], Math.ceil(least / below));
      return inner < reduced[position] || rest < elements ? { position, inner } : null;
    }
    rest = below;
  }
  return null;
}

/** The smallest divisor of `extent` between `least` and 16 times that; `extent` itself where there is none. */
function smallestDivisor(extent: number, least: number): number {
  for (let divisor = least; divisor <= Math.min(extent / 2, 16 * least); divisor++)
    if (extent % divisor === 0) return divisor;
  return extent;
}

/** Results below which a contraction has too few of them to occupy a device, or to reuse what it reads. */
const FEW_PRODUCTS = 2048;
/** Products per result above which it is worth a second kernel. */
const LONG_SUM = 1 << 14;
/** Products that each partial result sums, at least; and partial results, at most. */
const PARTIAL_PRODUCTS = 64;
const MOST_PARTIAL_PRODUCTS = 1 << 20;

/**
 * Which summed letter of a contraction with few results and long sums stays apart at first, so that each of its indices
 * has partial results of its own: the one with the largest extent that leaves sums of some length. Null where one kernel is
 * as good.
 *
 * @param results shape of the result
 * @param summed extents of the summed letters
 * @returns position in `summed`
 */
export function partialContraction(results: Shape, summed: Shape): number | null {
  const products = elementCount(summed);
  const count = elementCount(results);
  if (count > FEW_PRODUCTS || products < LONG_SUM) return null;
  let best: number | null = null;
  summed.forEach((extent, k) => {
    const fits =
      extent > 1 &&
      extent * count <= MOST_PARTIAL_PRODUCTS &&
      products / extent >= PARTIAL_PRODUCTS;
    if (fits && (best === null || extent > summed[best])) best = k;
  });
  return best;
}
