import { elementCount, type Shape } from '../../ir/tensor.ts';

/** Results below which one kernel cannot occupy a device. */
const FEW_RESULTS = 128;
/** Elements above which a reduction to few results is worth a second kernel. */
const MANY_ELEMENTS = 1 << 16;
/** Elements that each partial result reduces, at least; and partial results, at most. */
const PARTIAL_ELEMENTS = 512;
const MOST_PARTIALS = 1024;

/**
 * Where to cut a reduction of many elements to few results into partial results that are reduced in a second kernel: the
 * reduced axes before `position` and the outer part of that axis are parallel at first; its inner part has `inner`
 * elements. Null where one kernel is as good.
 */
export function partialReduction(
  results: number,
  reduced: Shape,
): { position: number; inner: number } | null {
  const elements = elementCount(reduced);
  if (results >= FEW_RESULTS || results * elements < MANY_ELEMENTS) return null;
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
