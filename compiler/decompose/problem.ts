import {
  type Core,
  inputLetters,
  type MatrixNetwork,
  outputLetters,
} from '../factorised/network.ts';
import { type Contract, createContract } from './contract.ts';
import { type LabelledTensor, permuted, sliced, squaredNorm } from './tensor.ts';

/** The cores of each network of a {@link MatrixNetwork}, in its order and with its letters. */
export type CoreValues = readonly (readonly LabelledTensor[])[];

/** Cores with the relative error of what they make. */
export interface Fit {
  readonly cores: CoreValues;
  readonly error: number;
}

/** A tensor to write as a network. */
export interface Problem {
  /** The matrix as a tensor of its modes: I_1, J_1, I_2, J_2, … where they go in pairs, else I_1, I_2, …, J_1, J_2, … */
  readonly target: LabelledTensor;
  readonly squaredNorm: number;
  readonly matrix: MatrixNetwork;
  readonly contract: Contract;
}

/** @param data [I, J] row-major, with I and J as the network has them */
export function createProblem(data: Float64Array, matrix: MatrixNetwork): Problem {
  const { inputModes, outputModes, networks } = matrix;
  const inputs = inputLetters(inputModes.length);
  const outputs = outputLetters(outputModes.length);
  const rows = { letters: inputs + outputs, shape: [...inputModes, ...outputModes], data };
  // Modes of one core lie together: the method contracts it with the target over both.
  const together = networks[0].cores.some((core) => modesOf(core).length > 1);
  const paired = [...inputs].map((letter, k) => letter + outputs[k]).join('');
  return {
    target: together ? permuted(rows, paired) : rows,
    squaredNorm: squaredNorm(data),
    matrix,
    contract: createContract(),
  };
}

const MODE = /[a-hA-H]/;

/** The letters of a core that are modes of the matrix. */
export function modesOf({ letters }: Pick<Core, 'letters'>): string {
  return [...letters].filter((letter) => MODE.test(letter)).join('');
}

/** The letters of a core that are summed. */
export function bondsOf({ letters }: Pick<Core, 'letters'>): string {
  return [...letters].filter((letter) => !MODE.test(letter)).join('');
}

/** Elements of the reconstruction at a time. */
const CHUNK = 2 ** 22;

/**
 * ‖W - Ŵ‖ / ‖W‖ in the Frobenius norm from the reconstruction Ŵ itself, which is formed in slices of the first input mode.
 * Of a matrix of zeros, ‖Ŵ‖.
 */
export function relativeError({ target, contract, squaredNorm }: Problem, cores: CoreValues) {
  const letter = target.letters[0];
  const extent = target.shape[0];
  const step = Math.max(1, Math.floor(CHUNK / (target.data.length / extent)));
  let square = 0;
  for (let from = 0; from < extent; from += step) {
    const to = Math.min(from + step, extent);
    const cut = (tensor: LabelledTensor) =>
      tensor.letters.includes(letter) ? sliced(tensor, letter, from, to) : tensor;
    const wanted = cut(target).data;
    const rest = Float64Array.from(wanted);
    for (const network of cores) {
      const { data } = contract(network.map(cut), target.letters);
      for (let k = 0; k < rest.length; k++) rest[k] -= data[k];
    }
    for (let k = 0; k < rest.length; k++) square += rest[k] * rest[k];
  }
  return Math.sqrt(square / (squaredNorm || 1));
}
