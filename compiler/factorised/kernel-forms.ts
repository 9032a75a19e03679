import { tapLetters } from '../window/letters.ts';
import { type Axis, core, ORTHONORMAL } from './forms.ts';
import {
  bondLetters,
  inputLetters,
  type MatrixNetwork,
  type Network,
  outputLetters,
} from './network.ts';

// The factorisations of convolution kernels of the literature, each as a network. K are the extents of the window, I and J
// the channels on either side, R ranks.

export interface KernelShape {
  readonly taps: readonly number[];
  readonly inputModes: readonly number[];
  readonly outputModes: readonly number[];
}

const kernel = (form: string, shape: KernelShape, network: Network): MatrixNetwork => ({
  form,
  ...shape,
  networks: [network],
});

function axesOf({ taps, inputModes, outputModes }: KernelShape) {
  const axes = (letters: string, extents: readonly number[]) =>
    extents.map((extent, k): Axis => [letters[k], extent]);
  return {
    taps: axes(tapLetters(taps.length), taps),
    inputs: axes(inputLetters(inputModes.length), inputModes),
    outputs: axes(outputLetters(outputModes.length), outputModes),
  };
}

/**
 * Tucker-2 (Kim et al. 2016): factors on the channels, [I, R_1] and [J, R_2], and a core [K…, R_1, R_2]. A convolution with it
 * is one with 1 x 1, one with the core, and one with 1 x 1.
 */
export function tuckerKernelNetwork(
  shape: KernelShape,
  inputRank: number,
  outputRank: number,
): MatrixNetwork {
  const bond = bondLetters();
  const { taps, inputs, outputs } = axesOf(shape);
  const [before, behind]: Axis[] = [
    [bond(), inputRank],
    [bond(), outputRank],
  ];
  const cores = [
    core('input', [...inputs, before], ORTHONORMAL),
    core('core', [...taps, before, behind]),
    core('output', [...outputs, behind], ORTHONORMAL),
  ];
  return kernel('Tucker-2', shape, { cores });
}

/**
 * CP (Lebedev et al. 2015): one rank that the factors [I, R], [J, R] and those of the window share: one [K, R] per axis when
 * separable, else one [K…, R].
 */
export function cpKernelNetwork(
  shape: KernelShape,
  rank: number,
  separable: boolean,
): MatrixNetwork {
  const bond: Axis = [bondLetters()(), rank];
  const { taps, inputs, outputs } = axesOf(shape);
  const window = separable
    ? taps.map((axis, k) => core(`window${k + 1}`, [axis, bond]))
    : [core('window', [...taps, bond])];
  const cores = [core('input', [...inputs, bond]), ...window, core('output', [...outputs, bond])];
  return kernel('CP', shape, { cores });
}

/** Tensor-train over the kernel's axes: cores [I, R_1], [R_1, K_1, R_2], …, [R_d, J]. */
export function tensorTrainKernelNetwork(
  shape: KernelShape,
  ranks: readonly number[],
): MatrixNetwork {
  const { taps, inputs, outputs } = axesOf(shape);
  return chain(shape, [inputs, ...taps.map((axis) => [axis]), outputs], ranks);
}

/** Tensor-train over channels in modes (Garipov et al. 2016): cores [K…, R_1], [R_1, I_1, J_1, R_2], …, [R_d, I_d, J_d]. */
export function splitTrainKernelNetwork(
  shape: KernelShape,
  ranks: readonly number[],
): MatrixNetwork {
  const { taps, inputs, outputs } = axesOf(shape);
  return chain(shape, [taps, ...inputs.map((axis, k) => [axis, outputs[k]])], ranks);
}

function chain(
  shape: KernelShape,
  parts: readonly (readonly Axis[])[],
  ranks: readonly number[],
): MatrixNetwork {
  const bond = bondLetters();
  const bonds = ranks.map((rank): Axis => [bond(), rank]);
  const cores = parts.map((axes, k) => {
    const before = k > 0 ? [bonds[k - 1]] : [];
    return core(`core${k + 1}`, [...before, ...axes, ...bonds.slice(k, k + 1)]);
  });
  return kernel('tensor-train', shape, { cores });
}
