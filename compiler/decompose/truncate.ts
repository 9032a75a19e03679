import { elementCount } from '../../ir/tensor.ts';
import type { Core, Network } from '../factorised/network.ts';
import { addProduct, transposed } from './matrix-product.ts';
import { normalNumbers } from './random.ts';
import { leadingLeftVectors } from './singular-vectors.ts';
import { extentOf, type LabelledTensor, permuted } from './tensor.ts';

/**
 * Truncated singular value decompositions, one per core, for networks that are trees: the last letter of every core but the
 * last is the bond to the rest. A core's other letters are rows, all else columns; the leading left singular vectors are the
 * core, and what is left goes on in their coordinates, to be the last core in the end. In the order of the forms' cores this is
 *
 * - the truncated SVD, for low-rank;
 * - TT-SVD (Oseledets 2011, algorithm 1), for the tensor-train: the squared error is at most the sum over the bonds of the
 *   squared errors of the unfoldings' best approximations;
 * - the sequentially truncated HOSVD (Vannieuwenhoven, Vandebril and Meerbergen 2012), for Tucker;
 * - truncation from the leaves to the root (Grasedyck 2010), for hierarchical Tucker.
 *
 * All cores but the last have orthonormal columns.
 */
export function truncatedCores(target: LabelledTensor, { cores }: Network): LabelledTensor[] {
  let rest = target;
  return cores.map((core, k) => {
    if (k === cores.length - 1) return permuted(rest, core.letters);
    const split = splitOff(rest, core);
    rest = split.rest;
    return split.core;
  });
}

/** The leading left singular vectors of the tensor with the core's letters but the last as rows, and the tensor in their coordinates. */
function splitOff(tensor: LabelledTensor, { letters, shape, name }: Core) {
  const own = letters.slice(0, -1);
  const bond = letters.slice(-1);
  const others = [...tensor.letters].filter((letter) => !own.includes(letter)).join('');
  const unfolded = permuted(tensor, own + others);
  const rows = elementCount(shape.slice(0, -1));
  const columns = unfolded.data.length / rows;
  const rank = shape[shape.length - 1];
  const within = Math.min(rank, rows);
  const vectors = leadingLeftVectors(unfolded.data, rows, columns, within);
  const rest = new Float64Array(rank * columns);
  addProduct(
    [within, rows, columns],
    transposed(vectors, rows, within),
    0,
    unfolded.data,
    0,
    rest,
    0,
  );
  const extents = [...others].map((letter) => extentOf(tensor, letter));
  return {
    core: { letters, shape, data: widened(vectors, rows, within, rank, name) },
    rest: { letters: bond + others, shape: [rank, ...extents], data: rest },
  };
}

/**
 * More columns than rows carry nothing yet: what follows is zero there. They are random rather than zero themselves, so
 * that training can make use of them.
 */
function widened(
  vectors: Float64Array,
  rows: number,
  within: number,
  rank: number,
  name: string,
): Float64Array {
  if (within === rank) return vectors;
  const result = normalNumbers(0, name, rows * rank).map((value) => value / Math.sqrt(rows));
  for (let i = 0; i < rows; i++)
    result.set(vectors.subarray(i * within, (i + 1) * within), i * rank);
  return result;
}

/** The leading left singular vectors of `tensor` in the shape of a core of these letters, the last of them the rank. */
export function leadingCore(tensor: LabelledTensor, core: Core): LabelledTensor {
  return splitOff(tensor, core).core;
}
