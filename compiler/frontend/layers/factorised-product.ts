import { elementCount } from '../../../ir/tensor.ts';
import {
  BATCH_LETTERS,
  type MatrixNetwork,
  matrixEquation,
  productEquation,
} from '../../factorised/network.ts';
import { zerosInit } from '../initialisers.ts';
import type { LayerParameters } from '../parameter.ts';
import { add, einsum, reshape } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { type AxisWindow, underWindows } from '../windows.ts';
import { coreInitialiser } from './core-initialiser.ts';

/** A factorised weight whose cores are parameters. */
export interface FactorisedWeight {
  readonly matrix: MatrixNetwork;
  /** The cores of each network. */
  readonly cores: readonly (readonly Tensor[])[];
}

/**
 * Declares the cores as `<name>.<core>`; the matrix that they make has the given variance, or with `zero` is zero because the last core
 * of each network is.
 */
export function factorisedWeight(
  parameters: LayerParameters,
  name: string,
  matrix: MatrixNetwork,
  variance: number,
  start: 'random' | 'zero' = 'random',
): FactorisedWeight {
  return {
    matrix,
    cores: matrix.networks.map((network) =>
      network.cores.map((core, k) => {
        const isZero = start === 'zero' && k === network.cores.length - 1;
        const random = coreInitialiser(matrix, network, core, variance);
        return parameters.get(`${name}.${core.name}`, core.shape, isZero ? zerosInit : random);
      }),
    ),
  };
}

/**
 * x · W for x [batch…, I] with one or two batch axes, as one einsum per network: the matrix itself is never formed. The
 * batch axes of the result stand in the order that `result` gives.
 */
export function factorisedProduct(
  x: Tensor,
  { matrix, cores }: FactorisedWeight,
  result?: 'reversed',
): Tensor {
  const batch = x.shape.slice(0, -1);
  const letters = BATCH_LETTERS.slice(0, batch.length);
  const order = result === 'reversed' ? [...letters].reverse().join('') : letters;
  const input = reshape(x, [...batch, ...matrix.inputModes]);
  const sum = matrix.networks
    .map((network, n) =>
      einsum(productEquation(matrix, network, letters, order), input, ...cores[n]),
    )
    .reduce((a, b) => add(a, b));
  const outer = result === 'reversed' ? [...batch].reverse() : batch;
  return reshape(sum, [...outer, elementCount(matrix.outputModes)]);
}

/**
 * The convolution of images [batch, …extents, I] with a factorised kernel, as one einsum per network over the images under
 * the windows: what a core contracts of the channels alone is contracted before the window.
 */
export function factorisedConvolution(
  x: Tensor,
  { matrix, cores }: FactorisedWeight,
  windows: readonly AxisWindow[],
): Tensor {
  const lead = x.shape.slice(0, -1);
  const view = underWindows(reshape(x, [...lead, ...matrix.inputModes]), windows);
  const sum = matrix.networks
    .map((network, n) => einsum(productEquation(matrix, network, 'z'), view, ...cores[n]))
    .reduce((a, b) => add(a, b));
  return reshape(sum, [...sum.shape.slice(0, lead.length), elementCount(matrix.outputModes)]);
}

/** The matrix [I, J] or the kernel [taps…, I, J] itself. */
export function factorisedMatrix({ matrix, cores }: FactorisedWeight): Tensor {
  const { inputModes, outputModes, taps } = matrix;
  const sum = matrix.networks
    .map((network, n) => einsum(matrixEquation(matrix, network), ...cores[n]))
    .reduce((a, b) => add(a, b));
  return reshape(sum, [...taps, elementCount(inputModes), elementCount(outputModes)]);
}
