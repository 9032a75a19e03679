import {
  bondLetters,
  type Core,
  inputLetters,
  type MatrixNetwork,
  type Network,
  outputLetters,
} from './network.ts';
import { edgeBound, pairSizes } from './rank-bounds.ts';

// The factorisations of the literature, each as a network. d is the number of modes, I_k and J_k are the extents of the
// input and output modes, R_k ranks, N blocks.

export interface Modes {
  readonly inputModes: readonly number[];
  readonly outputModes: readonly number[];
}

export type Axis = readonly [letter: string, extent: number];

export function core(name: string, axes: readonly Axis[], kind: Core['kind'] = 'random'): Core {
  return {
    name,
    letters: axes.map(([letter]) => letter).join(''),
    shape: axes.map(([, extent]) => extent),
    kind,
  };
}

/** The k-th input and output mode as axes. */
function modeAxes({ inputModes, outputModes }: Modes, k: number): { input: Axis; output: Axis } {
  return {
    input: [inputLetters(inputModes.length)[k], inputModes[k]],
    output: [outputLetters(outputModes.length)[k], outputModes[k]],
  };
}

const indices = (count: number) => Array.from({ length: count }, (_, k) => k);
const matrix = (form: string, modes: Modes, networks: readonly Network[]): MatrixNetwork => ({
  form,
  inputModes: modes.inputModes,
  outputModes: modes.outputModes,
  taps: [],
  networks,
});

/** W = U·V: cores [I, R] and [R, J]. What a truncated SVD gives. */
export function lowRankNetwork(inFeatures: number, outFeatures: number, rank: number) {
  const modes = { inputModes: [inFeatures], outputModes: [outFeatures] };
  const { input, output } = modeAxes(modes, 0);
  const bond: Axis = [bondLetters()(), rank];
  return matrix('low-rank', modes, [
    { cores: [core('left', [input, bond]), core('right', [bond, output])] },
  ]);
}

/** CP with one factor [I_k, J_k, R] per pair of modes, joined by one rank. */
export function cpNetwork(modes: Modes, rank: number): MatrixNetwork {
  const bond: Axis = [bondLetters()(), rank];
  const cores = indices(modes.inputModes.length).map((k) => {
    const { input, output } = modeAxes(modes, k);
    return core(`factor${k + 1}`, [input, output, bond]);
  });
  return matrix('CP', modes, [{ cores }]);
}

/** CP with a factor [I_k, R] or [J_k, R] for every mode on its own. */
export function splitCpNetwork(modes: Modes, rank: number): MatrixNetwork {
  const bond: Axis = [bondLetters()(), rank];
  const { inputModes, outputModes } = modes;
  const inputs = indices(inputModes.length).map((k) =>
    core(`input${k + 1}`, [[inputLetters(inputModes.length)[k], inputModes[k]], bond]),
  );
  const outputs = indices(outputModes.length).map((k) =>
    core(`output${k + 1}`, [[outputLetters(outputModes.length)[k], outputModes[k]], bond]),
  );
  return matrix('CP', modes, [{ cores: [...inputs, ...outputs] }]);
}

export const ORTHONORMAL = { orthonormal: true, blockAxes: 0 } as const;

/** Tucker: a factor [I_k, R_k] or [J_k, S_k] for every mode and a core of all ranks. */
export function tuckerNetwork(
  modes: Modes,
  inputRanks: readonly number[],
  outputRanks: readonly number[],
): MatrixNetwork {
  const bond = bondLetters();
  const { inputModes, outputModes } = modes;
  const inputBonds = inputRanks.map((rank): Axis => [bond(), rank]);
  const outputBonds = outputRanks.map((rank): Axis => [bond(), rank]);
  const inputs = inputBonds.map((axis, k) =>
    core(`input${k + 1}`, [[inputLetters(inputModes.length)[k], inputModes[k]], axis], ORTHONORMAL),
  );
  const outputs = outputBonds.map((axis, k) =>
    core(
      `output${k + 1}`,
      [[outputLetters(outputModes.length)[k], outputModes[k]], axis],
      ORTHONORMAL,
    ),
  );
  const center = core('core', [...inputBonds, ...outputBonds]);
  return matrix('Tucker', modes, [{ cores: [...inputs, ...outputs, center] }]);
}

/** Tensor-train (Oseledets 2011; Novikov et al. 2015): cores [R_{k-1}, I_k, J_k, R_k], without the ends' bonds of 1. */
export function tensorTrainNetwork(modes: Modes, ranks: readonly number[]): MatrixNetwork {
  const bond = bondLetters();
  const bonds = ranks.map((rank): Axis => [bond(), rank]);
  const cores = indices(modes.inputModes.length).map((k) => {
    const { input, output } = modeAxes(modes, k);
    const before = k > 0 ? [bonds[k - 1]] : [];
    return core(`core${k + 1}`, [...before, input, output, ...bonds.slice(k, k + 1)]);
  });
  return matrix('tensor-train', modes, [{ cores }]);
}

/**
 * Tensor-ring (Zhao et al. 2016; Wang et al. 2018): a core [R, mode, R'] for every input mode, then for every output mode,
 * the last joined to the first; `ranks[k]` is the bond behind core k.
 */
export function tensorRingNetwork(modes: Modes, ranks: readonly number[]): MatrixNetwork {
  const bond = bondLetters();
  const bonds = ranks.map((rank): Axis => [bond(), rank]);
  const { inputModes, outputModes } = modes;
  const axes: Axis[] = [
    ...inputModes.map((extent, k): Axis => [inputLetters(inputModes.length)[k], extent]),
    ...outputModes.map((extent, k): Axis => [outputLetters(outputModes.length)[k], extent]),
  ];
  const count = axes.length;
  const cores = axes.map((axis, k) =>
    core(`core${k + 1}`, [bonds[(k + count - 1) % count], axis, bonds[k]]),
  );
  return matrix('tensor-ring', modes, [{ cores }]);
}

/**
 * Block-term (De Lathauwer 2008; Ye et al. 2018): the sum of N Tucker terms, each with factors [I_k, J_k, R_k] and a core
 * [R_1, …, R_d]. Blocks of equal ranks are one network with the block as a bond of all cores.
 *
 * @param ranks one list of d ranks per block
 */
export function blockTermNetwork(
  modes: Modes,
  ranks: readonly (readonly number[])[],
): MatrixNetwork {
  const equal = ranks.every((list) => list.every((rank, k) => rank === ranks[0][k]));
  const networks = equal
    ? [blocks(modes, ranks[0], ranks.length, '')]
    : ranks.map((list, n) => blocks(modes, list, 1, `block${n + 1}.`));
  return matrix('block-term', modes, networks);
}

function blocks(modes: Modes, ranks: readonly number[], count: number, prefix: string): Network {
  const bond = bondLetters();
  const block: readonly Axis[] = count > 1 ? [[bond(), count]] : [];
  const bonds = ranks.map((rank): Axis => [bond(), rank]);
  const kind = { orthonormal: true, blockAxes: count > 1 ? 1 : 0 } as const;
  const factors = bonds.map((axis, k) => {
    const { input, output } = modeAxes(modes, k);
    return core(`${prefix}factor${k + 1}`, [...block, input, output, axis], kind);
  });
  return { cores: [...factors, core(`${prefix}core`, [...block, ...bonds])] };
}

/**
 * Hierarchical Tucker (Hackbusch and Kühn 2009): a balanced binary tree over the modes, with factors [I_k, J_k, R_k] at its
 * leaves and a transfer tensor [R_left, R_right, R] at each inner node; the root has no rank of its own. The rank is cut to
 * what an edge can carry.
 */
export function hierarchicalTuckerNetwork(modes: Modes, rank: number): MatrixNetwork {
  const bond = bondLetters();
  const cores: Core[] = [];
  const sizes = pairSizes(modes);
  // d is at most eight, and so is the depth.
  const build = (from: number, to: number, isRoot: boolean): readonly Axis[] => {
    const own: readonly Axis[] = isRoot
      ? []
      : [[bond(), Math.min(rank, edgeBound(sizes, from, to))]];
    if (to - from === 1) {
      const { input, output } = modeAxes(modes, from);
      cores.push(core(`factor${from + 1}`, [input, output, ...own]));
    } else {
      const middle = (from + to) >> 1;
      const below = [...build(from, middle, false), ...build(middle, to, false)];
      cores.push(core(`transfer${from + 1}to${to}`, [...below, ...own]));
    }
    return own;
  };
  build(0, modes.inputModes.length, true);
  return matrix('hierarchical Tucker', modes, [{ cores }]);
}
