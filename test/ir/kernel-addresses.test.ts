import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Affine, Bound, Kernel } from '../../ir/kernel.ts';
import { loadRange } from '../../ir/kernel-addresses.ts';
import { soaked } from '../support/soak.ts';

const kernelOf = (extents: readonly number[]): Kernel => ({
  name: 'addresses',
  axes: extents.map((extent) => ({ kind: 'parallel', extent })),
  buffers: [],
  nodes: [],
  reductions: [],
  stores: [],
});

/** The least and the greatest value of `index` at the points where all bounds hold; null where there is none. */
function counted(extents: readonly number[], index: Affine, bounds: readonly Bound[]) {
  const points = extents.reduce<number[][]>(
    (before, extent) =>
      before.flatMap((point) => Array.from({ length: extent }, (_, i) => [...point, i])),
    [[]],
  );
  const at = ({ offset, coefficients }: Affine, point: readonly number[]) =>
    coefficients.reduce((sum, c, axis) => sum + c * point[axis], offset);
  const values = points
    .filter((point) =>
      bounds.every((bound) => {
        const value = at(bound.index, point);
        return value >= 0 && value < bound.extent;
      }),
    )
    .map((point) => at(index, point));
  return values.length === 0 ? null : { low: Math.min(...values), high: Math.max(...values) };
}

const affines = (axes: number) =>
  fc.record({
    offset: fc.integer({ min: -8, max: 8 }),
    coefficients: fc.array(fc.integer({ min: -6, max: 6 }), { minLength: axes, maxLength: axes }),
  });

const cases = fc
  .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
  .chain((extents) =>
    fc.record({
      extents: fc.constant(extents),
      index: affines(extents.length),
      bounds: fc.array(
        fc.record({ index: affines(extents.length), extent: fc.integer({ min: 1, max: 6 }) }),
        { maxLength: 4 },
      ),
    }),
  );

describe('the range of an address within bounds', () => {
  test('holds every address', () => {
    fc.assert(
      fc.property(cases, ({ extents, index, bounds }) => {
        const truth = counted(extents, index, bounds);
        if (!truth) return;
        const range = loadRange(kernelOf(extents), index, bounds);
        expect(range.low).toBeLessThanOrEqual(truth.low);
        expect(range.high).toBeGreaterThanOrEqual(truth.high);
      }),
      soaked(500),
    );
  });

  test.each([
    {
      // A window of three with stride two over the rows of [2, 3], of which an einsum takes the places that are their columns.
      elements: 6,
      extents: [3, 2],
      index: { offset: -6, coefficients: [4, 6] },
      bounds: [{ index: { offset: -2, coefficients: [1, 2] }, extent: 2 }],
    },
    {
      // Two such windows over [2, 3, 3, 3].
      elements: 54,
      extents: [3, 2, 3, 2],
      index: { offset: -63, coefficients: [30, 54, 10, 18] },
      bounds: [
        { index: { offset: -2, coefficients: [1, 2, 0, 0] }, extent: 2 },
        { index: { offset: -1, coefficients: [0, 0, 1, 2] }, extent: 3 },
      ],
    },
  ])('is inside the tensor where a diagonal meets a window', ({ elements, ...one }) => {
    const { low, high } = loadRange(kernelOf(one.extents), one.index, one.bounds);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(high).toBeLessThan(elements);
  });

  test('is empty where a bound without axes fails', () => {
    const index = { offset: -3, coefficients: [4] };
    const bound = (offset: number): Bound => ({ index: { offset, coefficients: [0] }, extent: 4 });
    for (const offset of [-1, 4]) {
      const { low, high } = loadRange(kernelOf([2]), index, [bound(offset)]);
      expect(low).toBeGreaterThan(high);
    }
    expect(loadRange(kernelOf([2]), index, [bound(0)])).toEqual({ low: -3, high: 1 });
  });
});
