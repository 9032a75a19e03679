import type { Affine, Expression, Kernel, NodeIndex, Store } from '../../../ir/kernel.ts';
import { mapAffines } from '../../../ir/kernel-affines.ts';

// What a contraction in panels does beside its products, as kernels of their own: they read through the contraction's own
// expressions, and so are planned and written as every other kernel is.

/** An axis of a derived kernel: steps of `stride` along an axis of the contraction. */
export interface Digit {
  readonly axis: number;
  readonly stride: number;
  readonly extent: number;
}

/** Points of the contraction: digits, outermost first, from `starts` on. */
export interface Region {
  readonly digits: readonly Digit[];
  /** By axis of the contraction. */
  readonly starts: readonly number[];
}

/** Elements of the scratch memory: `offset` and, by digit, how far it goes there. */
export interface ScratchPlace {
  readonly offset: number;
  readonly strides: readonly number[];
}

const affineOf =
  ({ digits, starts }: Region) =>
  ({ offset, coefficients }: Affine): Affine => ({
    offset: coefficients.reduce((sum, c, axis) => sum + c * starts[axis], offset),
    coefficients: digits.map(({ axis, stride }) => coefficients[axis] * stride),
  });

const scratchAffine = ({ offset, strides }: ScratchPlace): Affine => ({
  offset,
  coefficients: strides,
});

function derive(
  kernel: Kernel,
  region: Region,
  replace: (node: Expression) => Expression,
  stores: (affine: (given: Affine) => Affine) => readonly Store[],
): Kernel {
  const affine = affineOf(region);
  return {
    name: kernel.name,
    axes: region.digits.map(({ extent }) => ({ extent, kind: 'parallel' })),
    buffers: kernel.buffers,
    nodes: kernel.nodes.map((node) =>
      node.kind === 'accumulator' ? replace(node) : mapAffines(node, affine),
    ),
    reductions: [],
    stores: stores(affine),
  };
}

/** Puts a factor of the contraction into scratch memory. */
export function packingKernel(
  kernel: Kernel,
  scratch: number,
  factor: NodeIndex,
  region: Region,
  place: ScratchPlace,
): Kernel {
  const nothing: Expression = { kind: 'constant', dtype: 'f32', value: 0 };
  return derive(
    kernel,
    region,
    () => nothing,
    () => [{ buffer: scratch, index: scratchAffine(place), value: factor, accumulate: false }],
  );
}

/** What follows the sums of the contraction, which are in scratch memory. */
export function epilogueKernel(
  kernel: Kernel,
  scratch: number,
  region: Region,
  place: ScratchPlace,
): Kernel {
  const sum: Expression = {
    kind: 'load',
    dtype: 'f32',
    buffer: scratch,
    index: scratchAffine(place),
    bounds: [],
  };
  return derive(
    kernel,
    region,
    () => sum,
    (affine) => kernel.stores.map((store) => ({ ...store, index: affine(store.index) })),
  );
}
