import { normalNumbers } from '../../compiler/decompose/random.ts';
import type { Factorisation } from '../../compiler/factorised/factorisation.ts';
import type { MatrixNetwork } from '../../compiler/factorised/network.ts';
import * as btc from '../../compiler/index.ts';
import { elementCount } from '../../ir/tensor.ts';
import { reconstruct } from '../support/factorised.ts';

export const MODES = { inputModes: [3, 4, 2], outputModes: [2, 3, 4] };

/** One factorisation of a 24 x 24 matrix for every form, of few parameters. */
export const SMALL: Readonly<Record<string, Factorisation>> = {
  'low-rank': btc.lowRank({ rank: 5 }),
  CP: btc.cp({ ...MODES, rank: 5 }),
  'CP over split modes': btc.cp({ ...MODES, rank: 4, split: true }),
  Tucker: btc.tucker({ ...MODES, inputRanks: [2, 3, 2], outputRanks: [2, 2, 3] }),
  'tensor-train': btc.tensorTrain({ ...MODES, ranks: [4, 3] }),
  'tensor-ring': btc.tensorRing({ ...MODES, ranks: [2, 2, 2, 2, 3, 2] }),
  'block-term': btc.blockTerm({ ...MODES, ranks: [2, 2, 2], blocks: 2 }),
  'block-term of one block': btc.blockTerm({ ...MODES, ranks: [2, 3, 2], blocks: 1 }),
  'block-term of unequal blocks': btc.blockTerm({ ...MODES, ranks: [[2, 2, 3], [1, 2, 2]] }), // biome-ignore format: one line
  'hierarchical Tucker': btc.hierarchicalTucker({ ...MODES, rank: 4 }),
};

/** Random cores of a network, and the matrix that they make. */
export function randomStructured(matrix: MatrixNetwork, seed: number): btc.DenseMatrix {
  const cores = matrix.networks.map((network, n) =>
    network.cores.map(({ name, shape }) =>
      normalNumbers(seed, `${n}.${name}`, elementCount(shape)),
    ),
  );
  const [rows, columns] = [elementCount(matrix.inputModes), elementCount(matrix.outputModes)];
  return { rows, columns, data: reconstruct(matrix, cores) };
}

export function randomMatrix(rows: number, columns: number, seed: number): btc.DenseMatrix {
  return { rows, columns, data: normalNumbers(seed, 'matrix', rows * columns) };
}

/** The decomposition, or an error with the messages. */
export function decomposed(
  dense: btc.DenseMatrix,
  target: Factorisation | btc.FormRequest,
  options?: btc.DecomposeOptions,
): btc.Decomposition {
  const { decomposition, diagnostics } = btc.decompose(dense, target, options);
  if (!decomposition) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return decomposition;
}

/** ‖W - Ŵ‖ / ‖W‖, with Ŵ from the slow sum over all bonds. */
export function errorOf(dense: btc.DenseMatrix, { matrix, cores }: btc.Decomposition): number {
  let next = 0;
  const values = matrix.networks.map((network) => network.cores.map(() => cores[next++].data));
  const made = reconstruct(matrix, values);
  return norm(made.map((value, k) => value - dense.data[k])) / norm(dense.data);
}

export function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
}
