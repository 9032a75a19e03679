import { elementCount, type Shape } from '../../ir/tensor.ts';
import { positionLetters, tapLetters, windowLetters } from '../window/letters.ts';

// A factorised matrix W [I, J] as a tensor network, in the letters of einsum: the modes of I are a, b, c, …, those of J
// A, B, C, …; all other letters are bonds, which are summed. A bond may join any number of cores (the rank of CP, the
// block of block-term). A matrix is the sum of its networks: more than one only where blocks have ranks of their own. The
// kernel of a convolution is such a matrix with axes more, its taps: u and v.

/** One trained tensor of a network. */
export interface Core {
  /** Suffix of the parameter's name: `core`, `factor2`. */
  readonly name: string;
  /** One letter per axis. */
  readonly letters: string;
  readonly shape: Shape;
  /** How it is initialised: as a random factor of a product, or with orthonormal columns. */
  readonly kind: 'random' | OrthonormalColumns;
}

/** The last axis are columns, the axes before it rows, apart for each index of the first `blocks` axes. */
export interface OrthonormalColumns {
  readonly orthonormal: true;
  /** Leading axes that count blocks: 0 or 1. */
  readonly blockAxes: 0 | 1;
}

/** Cores, by their letters. */
export interface Network {
  readonly cores: readonly Core[];
}

/** A matrix as the contraction of smaller tensors, its cores. */
export interface MatrixNetwork {
  /** For messages: `block-term`. */
  readonly form: string;
  /** I = Π inputModes. */
  readonly inputModes: readonly number[];
  /** J = Π outputModes. */
  readonly outputModes: readonly number[];
  /** Extents of the window of a convolution's kernel; none in a matrix. */
  readonly taps: readonly number[];
  readonly networks: readonly Network[];
}

const INPUT_LETTERS = 'abcdefgh';
const OUTPUT_LETTERS = 'ABCDEFGH';
// Without the letters of windows, u, v, x, y, and of the axes that they run along.
const BOND_LETTERS = 'ijklmnopqrstwIJKLMNOPQRSTWXY';
export const AXIS_LETTERS = 'UV';
/** Axes in front of the modes: `z` alone, or `z` and `Z`. */
export const BATCH_LETTERS = 'zZ';

export const MAX_MODES = INPUT_LETTERS.length;

export const inputLetters = (count: number) => INPUT_LETTERS.slice(0, count);
export const outputLetters = (count: number) => OUTPUT_LETTERS.slice(0, count);

/** Hands out bonds: each call is a letter of its own. */
export function bondLetters(): () => string {
  let next = 0;
  return () => {
    if (next === BOND_LETTERS.length) throw new Error('a network has too many bonds');
    return BOND_LETTERS[next++];
  };
}

/** Trained numbers. */
export function parameterCount({ networks }: MatrixNetwork): number {
  return networks
    .flatMap(({ cores }) => cores)
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** Extents of all letters of one network. */
export function networkExtents({ cores }: Network): Map<string, number> {
  return new Map(
    cores.flatMap(({ letters, shape }) => [...letters].map((letter, k) => [letter, shape[k]])),
  );
}

/** Number of products that are summed for one element of the matrix: the product of the bonds' extents. */
export function bondProduct(network: Network): number {
  let product = 1;
  for (const [letter, extent] of networkExtents(network))
    if (BOND_LETTERS.includes(letter)) product *= extent;
  return product;
}

/** `za…,cores->zA…`: the product of inputs [batch…, I…] with the matrix; of inputs under windows with a kernel, `zxuyva…,cores->zxyA…`. */
export function productEquation(
  { inputModes, outputModes, taps }: MatrixNetwork,
  { cores }: Network,
  batch: string,
  result = batch,
): string {
  const input = batch + windowLetters(taps.length) + inputLetters(inputModes.length);
  const terms = [input, ...cores.map(({ letters }) => letters)].join(',');
  return `${terms}->${result}${positionLetters(taps.length)}${outputLetters(outputModes.length)}`;
}

/** `cores->a…A…`: the matrix itself; a kernel is `cores->uva…A…`. */
export function matrixEquation(
  { inputModes, outputModes, taps }: MatrixNetwork,
  { cores }: Network,
): string {
  const letters = cores.map((core) => core.letters).join(',');
  return `${letters}->${tapLetters(taps.length)}${inputLetters(inputModes.length)}${outputLetters(outputModes.length)}`;
}

/** Elements of the dense matrix or kernel. */
export function denseCount({ inputModes, outputModes, taps }: MatrixNetwork): number {
  return elementCount([...taps, ...inputModes, ...outputModes]);
}
