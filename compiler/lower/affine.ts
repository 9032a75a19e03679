import { type Affine, type Axis, constantAffine } from '../../ir/kernel.ts';
import { rowMajorStrides, type Shape } from '../../ir/tensor.ts';

/** The index of one axis: `0 + 1·axis`. */
export function axisAffine(axis: number, axisCount: number): Affine {
  const affine = { offset: 0, coefficients: new Array<number>(axisCount).fill(0) };
  affine.coefficients[axis] = 1;
  return affine;
}

export function shiftAffine(affine: Affine, offset: number): Affine {
  return offset === 0
    ? affine
    : { offset: affine.offset + offset, coefficients: affine.coefficients };
}

/** `Σ factors[k] · terms[k]`. */
export function combineAffines(
  terms: readonly Affine[],
  factors: readonly number[],
  axisCount: number,
): Affine {
  let offset = 0;
  const coefficients = new Array<number>(axisCount).fill(0);
  for (let k = 0; k < terms.length; k++) {
    offset += factors[k] * terms[k].offset;
    for (let axis = 0; axis < axisCount; axis++)
      coefficients[axis] += factors[k] * terms[k].coefficients[axis];
  }
  return { offset, coefficients };
}

/** Position in row-major memory of the element of `shape` at `coordinates`. */
export function flatten(coordinates: readonly Affine[], shape: Shape, axisCount: number): Affine {
  return coordinates.length === 0
    ? constantAffine(0, axisCount)
    : combineAffines(coordinates, rowMajorStrides(shape), axisCount);
}

/** Replaces axis a by the affine `images[a]` over another set of axes. */
export function substitute(affine: Affine, images: readonly Affine[], axisCount: number): Affine {
  return shiftAffine(combineAffines(images, affine.coefficients, axisCount), affine.offset);
}

/** An axis must be cut so that its inner part has this extent before the question can be answered. */
export interface SplitRequest {
  readonly axis: number;
  readonly inner: number;
}

/**
 * Reads `flat` as a mixed-radix number: finds affine digits d_k with `flat = Σ strides[k]·d_k` and
 * 0 <= d_k < extents[k] at every point of the axes. Digits are in the order of `strides`, in any order of size.
 *
 * @returns the digits; a split of an axis that runs through several digits; or null when there is no such reading.
 */
export function delinearise(
  flat: Affine,
  axes: readonly Axis[],
  strides: readonly number[],
  extents: readonly number[],
): { digits: Affine[] } | { split: SplitRequest } | null {
  if (flat.offset < 0) return null;
  const order = strides
    .map((_, k) => k)
    .filter((k) => extents[k] > 1)
    .sort((a, b) => strides[b] - strides[a]);
  const offsets = new Array<number>(strides.length).fill(0);
  const coefficients = strides.map(() => new Array<number>(axes.length).fill(0));
  const reach = new Array<number>(strides.length).fill(0);
  let rest = flat.offset;
  for (const k of order) {
    const digit = Math.min(Math.floor(rest / strides[k]), extents[k] - 1);
    offsets[k] = digit;
    reach[k] = digit;
    rest -= digit * strides[k];
  }
  if (rest !== 0) return null;
  for (let axis = 0; axis < axes.length; axis++) {
    const coefficient = flat.coefficients[axis];
    const { extent } = axes[axis];
    if (coefficient === 0 || extent === 1) continue;
    if (coefficient < 0) return null;
    const k = order.find((candidate) => strides[candidate] <= coefficient);
    if (k === undefined || coefficient % strides[k] !== 0) return null;
    const step = coefficient / strides[k];
    coefficients[k][axis] = step;
    reach[k] += step * (extent - 1);
    if (reach[k] >= extents[k]) {
      // The axis carries into the next digit: cut it where this digit is full.
      const inner = (extents[k] - offsets[k]) / step;
      return Number.isInteger(inner) && inner > 1 && inner < extent && extent % inner === 0
        ? { split: { axis, inner } }
        : null;
    }
  }
  return { digits: strides.map((_, k) => ({ offset: offsets[k], coefficients: coefficients[k] })) };
}
