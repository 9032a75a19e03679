import { DTYPES, type DType, type StorageType } from './dtypes.ts';
import type { ScalarOp } from './scalar.ts';

/**
 * A kernel: the one representation of all generated code. It runs its body at every point of the parallel
 * axes. Where there are reduced axes, the value of each reduction is accumulated over all of them first, in one pass; the
 * nodes that no reduction needs (those that depend on an `accumulator` node among them) and the stores run once per parallel
 * point. Where there are sequential axes (only in scatters) the stores themselves run at every point of them,
 * in order.
 *
 * Invariants (checked by `verifyKernel`):
 * - axes are listed parallel first, then reduced, then sequential; not both reduced and sequential;
 * - nodes are in evaluation order: operands precede users;
 * - each reduction has an `accumulator` node or is what another is rescaled by, and no such node is of anything else; the values of
 *   reductions and the nodes that these need depend on no accumulator, so that all reductions go over the terms together;
 * - what a sum of f32 is rescaled by is a maximum of f32 in front of it; only a kernel with stages has such a sum, not a stage;
 * - it stores something; values of `index` nodes and bounds are i32 at every point, counters of random numbers u32;
 * - every load without a failing bound and every store is inside its buffer for every point of the axes;
 * - distinct points of the parallel axes never store to the same element, but where a kernel with stages has plain stores that stay
 *   at one element along axes: their values are the same all along these as well, nothing loads from their buffer, and they
 *   are done at the first index (`repeatedAxes`), so that rows are told of beside what has more points than they;
 * - a buffer that is both loaded and stored (`read_write`) is loaded only at elements that the same point stores
 *   (with the same data-dependent term, if any), so that an in-place run gives the same values: a point does all its
 *   loads before its stores; a sequential point loads what earlier ones stored.
 *
 * A kernel may have stages in front, see {@link Staging}, or be several that share one dispatch, see {@link KernelPart}.
 */
export interface Kernel {
  readonly name: string;
  readonly axes: readonly Axis[];
  readonly buffers: readonly KernelBuffer[];
  readonly nodes: readonly Expression[];
  readonly reductions: readonly Reduction[];
  readonly stores: readonly Store[];
  readonly staging?: Staging;
  /** A binding that is working memory of the generated code: the kernel means the same without it. Not beside stages. */
  readonly scratch?: BufferIndex;
  /** Kernels that run side by side in place of axes, nodes and stores of its own, of which it has none. */
  readonly parts?: readonly KernelPart[];
  /** Of a kernel with parts: bindings that hold several buffers. Every other buffer is a binding of its own. */
  readonly spans?: readonly Span[];
}

/**
 * One of several kernels that share a dispatch. They know nothing of each other: no element that one stores is touched by another,
 * so any order of them means the same.
 *
 * Invariants of a kernel with parts, beyond those of its parts (checked by `verifyGroup`):
 * - it has two or more, none of which has parts, and nothing of its own but buffers;
 * - what an element of a part's buffer is to the part lies within a buffer of the kernel, of the same dtype;
 * - the access of a buffer is what the parts do with it all together;
 * - what a part stores to is touched by no other part, nor by another buffer of the same part;
 * - spans hold at least two buffers of one dtype, each buffer at most once, one behind the other; the first starts at 0.
 */
export interface KernelPart {
  readonly kernel: Kernel;
  /** Per buffer of it. */
  readonly places: readonly PartPlace[];
}

/**
 * Buffers that one binding holds, by rising starts, so that a dispatch can have more of them than a device has bindings. Between
 * them lie other bytes of the same memory, which the kernel does not touch.
 */
export type Span = readonly PartPlace[];

/** Where the elements of a part's buffer lie: from element `start` of a buffer of the whole. */
export interface PartPlace {
  readonly buffer: BufferIndex;
  /** A multiple of four. */
  readonly start: number;
}

/**
 * What a kernel computes first, for each tile: each stage fills a small array ({@link localArray}), which later stages and the
 * kernel itself then read. A tile is a point of the kernel's first `tileAxes` parallel axes and its first `tileTerms` reduced axes.
 * Tiles know nothing of each other, so the arrays of one tile are all that exist at a time; on a GPU they lie in workgroup
 * memory, between barriers. Where there are tile terms, a kernel goes on with its reduction from tile to tile.
 * The meaning is that of several kernels, one behind the other, with an array of each stage per tile (`splitStages`).
 *
 * Invariants, beyond those that these kernels have (checked by `verifyKernel`):
 * - there are no sequential axes;
 * - addresses in an array are the same for all tiles;
 * - a stage stores each element of its array exactly once;
 * - what a stage or the kernel stores in a buffer, no other of them touches; with tile terms, stages store in no buffer. Without tile
 *   terms stages may load from a buffer what the kernel stores there later, where no tile touches elements of another (`tilesOwn`).
 */
export interface Staging {
  readonly tileAxes: number;
  readonly tileTerms: number;
  readonly stages: readonly Stage[];
}

/** One of the computations in front of a kernel. */
export interface Stage {
  /** Axes behind those of the tile: parallel ones, then reduced ones. Affines of the stage are over the tile axes, the tile terms and these. */
  readonly axes: readonly Axis[];
  readonly nodes: readonly Expression[];
  readonly reductions: readonly Reduction[];
  /** The first into its array, others into buffers. */
  readonly stores: readonly Store[];
  readonly local: LocalArray;
}

/** The array of one tile. */
export interface LocalArray {
  readonly dtype: DType;
  readonly elements: number;
  /** The binding that it takes its memory from where the target has no workgroup memory; nothing else touches it. */
  readonly buffer: BufferIndex | null;
}

/** In place of a buffer: the array that a stage fills, by the number of the stage. */
export const localArray = (stage: number): BufferIndex => -1 - stage;

/** Whether a load or a store means the array of a stage. */
export const isLocal = (buffer: BufferIndex): boolean => buffer < 0;

/** Whether points of an axis are independent (`parallel`), summed up (`reduced`) or in order (`sequential`). */
export type AxisKind = 'parallel' | 'reduced' | 'sequential';

/** One axis of the iteration domain: indices from 0 to extent - 1. */
export interface Axis {
  readonly extent: number;
  readonly kind: AxisKind;
}

/** One storage binding. `elements` is the size of the bound range of a tensor. Loads and stores convert where it is `f16`. */
export interface KernelBuffer {
  readonly dtype: StorageType;
  readonly access: Access;
  readonly elements: number;
}

/** What a kernel does with a buffer. */
export type Access = 'read' | 'write' | 'read_write';

/** `offset + Σ coefficients[axis] · index of axis`, in elements; `coefficients` is as long as `axes`. */
export interface Affine {
  readonly offset: number;
  readonly coefficients: readonly number[];
}

/** The condition 0 <= index < extent. */
export interface Bound {
  readonly index: Affine;
  readonly extent: number;
}

/** A data-dependent term of an address: `stride · node`, where the i32 node is clamped to [0, extent). */
export interface Indirection {
  readonly node: NodeIndex;
  readonly stride: number;
  readonly extent: number;
}

/** Index into `Kernel.nodes`. */
export type NodeIndex = number;
/** Index into `Kernel.buffers`, or a {@link localArray}. */
export type BufferIndex = number;

/** One value of the body of a kernel, at one point of its axes. */
export type Expression =
  /** The element at `index` (+ indirection); 0 where any bound fails, without touching memory. */
  | {
      readonly kind: 'load';
      readonly dtype: DType;
      readonly buffer: BufferIndex;
      readonly index: Affine;
      readonly indirect?: Indirection;
      readonly bounds: readonly Bound[];
      /** As of a store. */
      readonly stored?: 'f16';
    }
  | { readonly kind: 'constant'; readonly dtype: DType; readonly value: number }
  /** The value of an affine function of the axes. */
  | { readonly kind: 'index'; readonly dtype: 'i32'; readonly index: Affine }
  /** 1 where all bounds hold, else 0. */
  | { readonly kind: 'inBounds'; readonly dtype: 'i32'; readonly bounds: readonly Bound[] }
  | {
      readonly kind: 'apply';
      readonly dtype: DType;
      readonly op: ScalarOp;
      readonly operands: readonly NodeIndex[];
    }
  /** `uniformElement(seed, stream, counter, step)` of ir/random.ts; `step` is an i32 node. */
  | {
      readonly kind: 'random';
      readonly dtype: 'f32';
      readonly seed: number;
      readonly stream: number;
      readonly counter: Affine;
      readonly step: NodeIndex;
    }
  /** The result of one of the reductions, by its number. */
  | { readonly kind: 'accumulator'; readonly dtype: DType; readonly reduction: number };

/** How a reduction joins two values. */
export type Combiner = 'sum' | 'max' | 'min';

/** Accumulates `value` over all reduced axes, starting from the combiner's identity. */
export interface Reduction {
  readonly combiner: Combiner;
  readonly value: NodeIndex;
  /**
   * The number of another reduction, a maximum m of values x: what is summed up is value · exp(x - m). It takes one pass over the
   * terms, for a sum by one m is a sum by another but for a factor (Milakov, Gimelshein 2018: Online normalizer calculation for softmax).
   */
  readonly rescaled?: number;
}

/** The reduction of a kernel that has one alone. */
export function soleReduction({ reductions }: Pick<Kernel, 'reductions'>): Reduction | null {
  return reductions.length === 1 ? reductions[0] : null;
}

/**
 * Writes `value` at `index` (+ indirection). An indirect store whose node lies outside [0, extent) writes
 * nothing. `accumulate` adds to what is there (f32 in memory only, under sequential axes).
 */
export interface Store {
  readonly buffer: BufferIndex;
  readonly index: Affine;
  readonly indirect?: Indirection;
  readonly value: NodeIndex;
  readonly accumulate: boolean;
  /** In loop nests alone, which name tensors and not their types: what the tensor holds, where that is narrower. */
  readonly stored?: 'f16';
}

/** Identity element of a combiner for a dtype. */
export function combinerIdentity(combiner: Combiner, dtype: DType): number {
  if (combiner === 'sum') return 0;
  const { least, greatest } = DTYPES[dtype];
  return combiner === 'min' ? greatest : least;
}

/** An offset that is the same at every point of so many axes. */
export function constantAffine(offset: number, axisCount: number): Affine {
  return { offset, coefficients: new Array<number>(axisCount).fill(0) };
}

/** Whether two affine functions have the same offset and coefficients. */
export function sameAffine(a: Affine, b: Affine): boolean {
  return (
    a.offset === b.offset &&
    a.coefficients.length === b.coefficients.length &&
    a.coefficients.every((coefficient, axis) => coefficient === b.coefficients[axis])
  );
}

/** Number of points of the axes of one kind (1 when there are none). */
export function pointCount({ axes }: Pick<Kernel, 'axes'>, kind: AxisKind): number {
  let count = 1;
  for (const axis of axes) if (axis.kind === kind) count *= axis.extent;
  return count;
}
