import { elementCount, type Shape } from '../../../ir/tensor.ts';
import {
  bondProduct,
  type Core,
  type MatrixNetwork,
  type Network,
  type OrthonormalColumns,
} from '../../factorised/network.ts';
import { type Initialiser, normalInit, orthogonal, ownInitialiser } from '../initialisers.ts';

/** What the variance of the whole matrix [I, J] follows: 2/(I+J), 2/I or 1/I; of a kernel with T taps, a T-th of that. */
export type VarianceLaw = 'glorot' | 'he' | 'lecun';

export function matrixVariance(
  law: VarianceLaw,
  { inputModes, outputModes, taps }: MatrixNetwork,
): number {
  const inputs = elementCount([...taps, ...inputModes]);
  if (law === 'he') return 2 / inputs;
  return law === 'lecun' ? 1 / inputs : 2 / (inputs + elementCount([...taps, ...outputModes]));
}

/**
 * Initialises the cores so that the reconstructed matrix has the variance v. A sum over P products of q independent
 * factors of mean zero has variance P · ΠVar, so each factor gets (v / P)^(1/q). Gaussian factors of Tucker and block-term
 * make heavy tails: there factors are orthonormal, A = √(m/R) · Q with m rows and R columns, whose squares sum to 1 over
 * R on average, and the cores alone carry the variance, v / N for N blocks.
 */
export function coreInitialiser(
  matrix: MatrixNetwork,
  network: Network,
  core: Core,
  variance: number,
): Initialiser {
  const share = variance / matrix.networks.length;
  if (core.kind !== 'random') return orthonormalColumns(core.kind);
  const random = network.cores.filter(({ kind }) => kind === 'random');
  const orthonormal = network.cores.find(({ kind }) => kind !== 'random');
  if (!orthonormal)
    return normalInit(Math.sqrt((share / bondProduct(network)) ** (1 / random.length)));
  const { blockAxes } = orthonormal.kind as OrthonormalColumns;
  const blocks = elementCount(orthonormal.shape.slice(0, blockAxes));
  return normalInit(Math.sqrt(share / blocks));
}

/** √(m/R) · Q per block, Q with orthonormal columns; with more columns than rows, orthonormal rows, whose squares sum to 1. */
function orthonormalColumns({ blockAxes }: OrthonormalColumns): Initialiser {
  return ownInitialiser('orthonormal', (shape: Shape, random) => {
    const columns = shape[shape.length - 1];
    const blocks = elementCount(shape.slice(0, blockAxes));
    const rows = elementCount(shape.slice(blockAxes)) / columns;
    const gain = rows >= columns ? Math.sqrt(rows / columns) : 1;
    const result = new Float32Array(elementCount(shape));
    const size = rows * columns;
    for (let block = 0; block < blocks; block++) {
      // Normal numbers take two draws each.
      const drawn = (k: number) => random(2 * block * size + k);
      result.set(orthogonal(gain).fill([rows, columns], drawn), block * size);
    }
    return result;
  });
}
