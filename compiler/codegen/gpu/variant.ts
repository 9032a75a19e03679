import type { SubgroupMatrix } from '../../../ir/schedule.ts';
import { VECTOR_WIDTH } from './dialect.ts';

/**
 * One way to make the code of a kernel, as data. All ways compute the same but for the order in which sums are rounded; a plan
 * records which was taken. `points`: an invocation for `width` points. `reduction`: see {@link ReductionVariant}. `blocks`: see
 * {@link BlocksVariant}. `tiles` and `registers`: see {@link ContractionVariant}. `staged`: a workgroup per tile of a kernel with a
 * stage. `private`: an invocation per tile of such a kernel.
 */
export type Variant =
  | PointsVariant
  | ReductionVariant
  | BlocksVariant
  | ContractionVariant
  | MatrixVariant
  | StagedVariant
  | PrivateVariant;

export interface PointsVariant {
  readonly form: 'points';
  /** Neighbouring points of an invocation, in vectors where memory allows. */
  readonly width: 1 | 4;
  readonly workgroupSize: number;
}

/**
 * A workgroup has `outputs` x `reducers` invocations. Reducer r sums the blocks of `terms` neighbouring terms r, r + reducers, …
 * of `width` neighbouring outputs; the partial results are combined in a tree, so that the order never changes from run to run.
 * With `exchange` > 1 so many reducers of an output, which are in one subgroup, combine theirs without workgroup memory.
 */
export interface ReductionVariant {
  readonly form: 'reduction';
  readonly outputs: number;
  readonly reducers: number;
  /** Neighbouring invocations are reducers of one output, not neighbouring outputs. */
  readonly reducersFirst: boolean;
  readonly width: 1 | 4;
  readonly terms: 1 | 4;
  readonly exchange: number;
}

/**
 * A reduction whose invocations each have a block of neighbouring points, so many along each of the last parallel axes, and take
 * `terms` neighbouring terms of all of them at a time. The order of a sum is that of the kernel.
 */
export interface BlocksVariant {
  readonly form: 'blocks';
  readonly block: readonly number[];
  readonly terms: number;
  readonly workgroupSize: number;
}

/**
 * One way to tile a contraction. `tiles`: a workgroup computes `tileM` x `tileN` outputs, each invocation
 * `threadM` x `threadN` of them, walking K in chunks of `tileK` that are staged in workgroup memory, in one or two `buffers`. The
 * chunk is cut into `slices`, each summed by invocations of its own and combined at the end. `registers`: every invocation
 * computes a tile alone, straight from memory, `tileK` steps at a time, without barriers.
 */
export interface ContractionVariant {
  readonly form: 'tiles' | 'registers';
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  readonly threadM: 1 | 2 | 4 | 8;
  readonly threadN: 4 | 8;
  readonly slices: number;
  readonly buffers: 1 | 2;
}

/**
 * A contraction whose workgroups compute `tileM` x `tileN` outputs by products of matrices: `rows` x `columns` subgroups have equal
 * parts of the tile, and walk K in chunks of `tileK` that are staged in workgroup memory.
 */
export interface MatrixVariant {
  readonly form: 'matrix';
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  readonly product: SubgroupMatrix;
  readonly rows: number;
  readonly columns: number;
}

export interface StagedVariant {
  readonly form: 'staged';
  readonly workgroupSize: number;
  /** Reducers of a sum, in one subgroup, that combine what they have without workgroup memory, at most; 1: none. */
  readonly exchange: number;
  /** Terms of a sum that an invocation takes at once, in vectors where memory allows. */
  readonly terms: 1 | 4;
  /** Terms of a chunk of the contractions among its parts, which go in blocks as in `tiles`; 0: as other sums do. */
  readonly chunk: number;
}

export interface PrivateVariant {
  readonly form: 'private';
  readonly workgroupSize: number;
}

/** `points 4 of 256`, `reduction 8x32 reducers first, 1x4, exchange 32`, `blocks 256 of 1x7x4, 3 terms`, `tiles 128x128x8 of 8x8, 1 slices, 2 buffers`, `registers 4x8x4`, `staged 64, 4 terms, chunks 16`, `private 64`. */
export function variantText(variant: Variant): string {
  switch (variant.form) {
    case 'points':
      return `points ${variant.width} of ${variant.workgroupSize}`;
    case 'reduction': {
      const { outputs, reducers, reducersFirst, width, terms } = variant;
      return `reduction ${outputs}x${reducers} ${reducersFirst ? 'reducers' : 'outputs'} first, ${width}x${terms}${exchangeText(variant)}`;
    }
    case 'blocks':
      return `blocks ${variant.workgroupSize} of ${variant.block.join('x')}, ${variant.terms} terms`;
    case 'tiles': {
      const { tileM, tileN, tileK, threadM, threadN, slices, buffers } = variant;
      return `tiles ${tileM}x${tileN}x${tileK} of ${threadM}x${threadN}, ${slices} slices, ${buffers} buffers`;
    }
    case 'registers':
      return `registers ${variant.tileM}x${variant.tileN}x${variant.tileK}`;
    case 'matrix': {
      const { tileM, tileN, tileK, product, rows, columns } = variant;
      const { component, m, n, k, subgroupSize } = product;
      return `matrix ${tileM}x${tileN}x${tileK} of ${m}x${n}x${k} ${component}, ${rows}x${columns} subgroups of ${subgroupSize}`;
    }
    case 'private':
      return `private ${variant.workgroupSize}`;
    case 'staged':
      return `staged ${variant.workgroupSize}, ${variant.terms} terms${exchangeText(variant)}${variant.chunk > 0 ? `, chunks ${variant.chunk}` : ''}`;
  }
}

const exchangeText = ({ exchange }: { readonly exchange: number }) =>
  exchange > 1 ? `, exchange ${exchange}` : '';

/** The variant of a text; null where it is none. Whether a kernel can be made so is another question. */
export function parseVariant(text: string): Variant | null {
  const numbers = (text.match(/\d+/g) ?? []).map(Number);
  const variant = ofNumbers(text, numbers);
  return variant && variantText(variant) === text ? variant : null;
}

function ofNumbers(text: string, n: readonly number[]): Variant | null {
  const form = text.split(' ')[0];
  const reducersFirst = text.includes('reducers first');
  switch (form) {
    case 'points':
      return { form, width: n[0] as 1, workgroupSize: n[1] };
    case 'reduction':
      return {
        ...{ form, outputs: n[0], reducers: n[1], reducersFirst },
        ...{ width: n[2] as 1, terms: n[3] as 1, exchange: n[4] ?? 1 },
      };
    case 'blocks':
      return { form, block: n.slice(1, -1), terms: n.at(-1)!, workgroupSize: n[0] };
    case 'tiles':
      return {
        ...{ form, tileM: n[0], tileN: n[1], tileK: n[2] },
        ...{ threadM: n[3] as 8, threadN: n[4] as 8, slices: n[5], buffers: n[6] as 1 },
      };
    case 'registers':
      return registerTiles(n[0] as 4, n[1] as 4, n[2]);
    case 'matrix': {
      const component = `f${n[6]}` as 'f16';
      return {
        ...{ form, tileM: n[0], tileN: n[1], tileK: n[2], rows: n[7], columns: n[8] },
        product: { component, m: n[3], n: n[4], k: n[5], subgroupSize: n[9] },
      };
    }
    case 'private':
      return { form, workgroupSize: n[0] };
    case 'staged': {
      const exchange = text.includes('exchange') ? n[2] : 1;
      const chunk = text.includes('chunks') ? n.at(-1)! : 0;
      return { form, workgroupSize: n[0], terms: n[1] as 1, exchange, chunk };
    }
    default:
      return null;
  }
}

export const workgroupTiles = (
  [tileM, tileN, tileK]: readonly [number, number, number],
  [threadM, threadN]: readonly [4 | 8, 4 | 8],
  slices: number,
  buffers: 1 | 2,
): ContractionVariant => ({
  form: 'tiles',
  ...{ tileM, tileN, tileK, threadM, threadN, slices, buffers },
});

export const registerTiles = (
  threadM: 1 | 2 | 4 | 8,
  threadN: 4 | 8,
  tileK: number,
): ContractionVariant => ({
  ...{ form: 'registers', tileM: threadM, tileN: threadN, tileK, threadM, threadN },
  ...{ slices: 1, buffers: 1 },
});

/** Sizes that follow from a tiling; the strides of tile rows, in vectors, are odd to spread over memory banks. */
export function tilingResources(tiling: ContractionVariant) {
  const { form, tileM, tileN, tileK, threadM, threadN, slices, buffers } = tiling;
  const invocationsPerSlice = (tileM / threadM) * (tileN / threadN);
  const [strideM, strideN] = [tileM / VECTOR_WIDTH + 1, tileN / VECTOR_WIDTH + 1];
  const vectorsPerInvocation = (threadM * threadN) / VECTOR_WIDTH;
  const tileVectors = tileK * (strideM + strideN);
  const sliceVectors =
    slices === 1
      ? 0
      : Math.max(
          (slices / 2) * invocationsPerSlice * vectorsPerInvocation,
          (tileM * tileN) / VECTOR_WIDTH,
        );
  const vectors = form === 'registers' ? 0 : Math.max(buffers * tileVectors, sliceVectors);
  return {
    ...{ invocationsPerSlice, strideM, strideN, vectorsPerInvocation, tileVectors, vectors },
    invocations: invocationsPerSlice * slices,
    memoryElements: vectors * VECTOR_WIDTH,
  };
}
