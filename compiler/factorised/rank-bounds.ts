import { elementCount, type Shape } from '../../ir/tensor.ts';
import type { Modes } from './forms.ts';

// The largest rank that each place of a form can have: that of the matrix which the place splits the tensor into. A larger
// one holds more numbers and no more tensors.

/** The size of each pair of an input and an output mode. */
export const pairSizes = ({ inputModes, outputModes }: Modes): number[] =>
  inputModes.map((extent, k) => extent * outputModes[k]);

/** What a rank can be that splits `inside` elements from all others. */
const splitBound = (inside: number, all: number) => Math.min(inside, all / inside);

/** Bond k of a chain of tensors of the given sizes. */
export function chainBounds(sizes: Shape): number[] {
  const all = elementCount(sizes);
  return sizes.slice(1).map((_, k) => splitBound(elementCount(sizes.slice(0, k + 1)), all));
}

/** Each mode of a Tucker form over modes of the given extents. */
export function modeBounds(extents: Shape): number[] {
  const all = elementCount(extents);
  return extents.map((extent) => splitBound(extent, all));
}

/** A tensor's CP rank is at most the product of all extents but the largest. */
export const cpBound = (extents: Shape): number => elementCount(extents) / Math.max(...extents);

/** The edge above the leaves `from` to `to` (exclusive) of a tree over parts of the given sizes. */
export const edgeBound = (sizes: Shape, from: number, to: number): number =>
  splitBound(elementCount(sizes.slice(from, to)), elementCount(sizes));

/** Every edge of the balanced binary tree over the pairs of modes. */
export function treeBounds(modes: Modes): number[] {
  const sizes = pairSizes(modes);
  const edges = (from: number, to: number): number[] => {
    if (to - from === 1) return [];
    const middle = (from + to) >> 1;
    const below = [...edges(from, middle), ...edges(middle, to)];
    return [edgeBound(sizes, from, middle), edgeBound(sizes, middle, to), ...below];
  };
  return edges(0, sizes.length);
}
