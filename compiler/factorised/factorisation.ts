import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import {
  blockTermNetwork,
  cpNetwork,
  hierarchicalTuckerNetwork,
  lowRankNetwork,
  type Modes,
  splitCpNetwork,
  tensorRingNetwork,
  tensorTrainNetwork,
  tuckerNetwork,
} from './forms.ts';
import { factoriseDimension } from './modes.ts';
import { MAX_MODES, type MatrixNetwork } from './network.ts';
import { chainBounds, cpBound, modeBounds, pairSizes, treeBounds } from './rank-bounds.ts';

/** How a layer's weight matrix is factorised. Made by {@link blockTerm}, {@link tensorTrain} and their like. */
export interface Factorisation {
  readonly form: string;
  /**
   * The network of a matrix [inFeatures, gates · outFeatures], the gates folded into its first output mode; null after
   * a diagnostic.
   */
  readonly network: (
    inFeatures: number,
    outFeatures: number,
    gates: number,
  ) => MatrixNetwork | null;
}

/** Modes of a matrix: I_1 … I_d multiply to its inputs, J_1 … J_d to its outputs (in recurrent layers, to the hidden size). */
export interface ModeOptions {
  readonly inputModes: readonly number[];
  readonly outputModes: readonly number[];
}

const isCount = (value: number) => Number.isSafeInteger(value) && value > 0;

/** W = U·V of a rank. */
export function lowRank({ rank }: { readonly rank: number }): Factorisation {
  return {
    form: 'low-rank',
    network: (inFeatures, outFeatures, gates) => {
      const width = gates * outFeatures;
      const fits = checkRank('low-rank', rank, 'the matrix', Math.min(inFeatures, width));
      return fits ? lowRankNetwork(inFeatures, width, rank) : null;
    },
  };
}

/** Modes and rank of {@link cp}. */
export interface CpOptions extends ModeOptions {
  readonly rank: number;
  /** A factor for every mode on its own, rather than one per pair of input and output mode. */
  readonly split?: boolean;
}

/** Canonical polyadic (Carroll and Chang 1970): one rank that all factors share. */
export function cp({ rank, split = false, ...options }: CpOptions): Factorisation {
  return overModes('CP', options, { paired: !split }, (modes) => {
    const extents = split ? [...modes.inputModes, ...modes.outputModes] : pairSizes(modes);
    return checkRank('CP', rank, 'the factors', cpBound(extents))
      ? (split ? splitCpNetwork : cpNetwork)(modes, rank)
      : null;
  });
}

/** Modes and ranks of {@link tucker}. */
export interface TuckerOptions extends ModeOptions {
  /** Of all modes, where a mode has no rank of its own; cut to the mode. */
  readonly rank?: number;
  readonly inputRanks?: readonly number[];
  readonly outputRanks?: readonly number[];
}

/** Tucker (1966): a factor for every mode and a core. */
export function tucker(options: TuckerOptions): Factorisation {
  return overModes('Tucker', options, { paired: false }, (modes) => {
    const most = modeBounds([...modes.inputModes, ...modes.outputModes]);
    const ranksFor = (side: 'input' | 'output', bounds: readonly number[]) =>
      ranksOf('Tucker', side, bounds, options[`${side}Ranks`], options.rank, Math.max(...most));
    const count = modes.inputModes.length;
    const inputRanks = ranksFor('input', most.slice(0, count));
    const outputRanks = ranksFor('output', most.slice(count));
    return inputRanks && outputRanks ? tuckerNetwork(modes, inputRanks, outputRanks) : null;
  });
}

/** Modes and ranks of {@link tensorTrain} and {@link tensorRing}. */
export interface TrainOptions extends ModeOptions {
  /** Of all bonds, where `ranks` are not given; cut to what a bond can carry. */
  readonly rank?: number;
  /** One per bond. */
  readonly ranks?: readonly number[];
}

/** Tensor-train (Oseledets 2011; of a layer, Novikov et al., NeurIPS 2015): d - 1 bonds. */
export function tensorTrain(options: TrainOptions): Factorisation {
  return overModes('tensor-train', options, { paired: true }, (modes) => {
    const most = chainBounds(pairSizes(modes));
    const ranks = ranksOf('tensor-train', 'bond', most, options.ranks, options.rank);
    return ranks && tensorTrainNetwork(modes, ranks);
  });
}

/** Tensor-ring (Zhao et al. 2016): a bond behind each of the input and output modes. */
export function tensorRing(options: TrainOptions): Factorisation {
  return overModes('tensor-ring', options, { paired: false }, (modes) => {
    const count = modes.inputModes.length + modes.outputModes.length;
    const most = new Array<number>(count).fill(Number.MAX_SAFE_INTEGER);
    const ranks = ranksOf('tensor-ring', 'bond', most, options.ranks, options.rank);
    return ranks && tensorRingNetwork(modes, ranks);
  });
}

/** Modes, ranks and number of blocks of {@link blockTerm}. */
export interface BlockTermOptions extends ModeOptions {
  /** Of all modes and blocks, where `ranks` are not given. */
  readonly rank?: number;
  /** One list of d ranks for all blocks, or one such list per block. */
  readonly ranks?: readonly number[] | readonly (readonly number[])[];
  /** Default 1; where each block has ranks of its own, their number. */
  readonly blocks?: number;
}

/**
 * Block-term (De Lathauwer 2008; Ye et al., CVPR 2018): the sum of N Tucker terms. BTC2015 for a number of blocks that is no
 * count, BTC2017 to BTC2020 for modes and ranks that do not fit.
 */
export function blockTerm(options: BlockTermOptions): Factorisation {
  return overModes('block-term', options, { paired: true }, (modes) => {
    const given = options.ranks ?? [];
    const own = given.filter((one) => typeof one !== 'number');
    const blocks = own.length > 0 ? own.length : (options.blocks ?? 1);
    if (!isCount(blocks)) {
      report(2015, {
        op: 'block-term',
        name: 'blocks',
        value: String(blocks),
        wanted: 'a positive integer',
      });
      return null;
    }
    const most = pairSizes(modes);
    const shared = given.length > 0 && own.length === 0 ? (given as readonly number[]) : undefined;
    const lists = Array.from({ length: blocks }, (_, n) =>
      ranksOf('block-term', 'mode', most, own[n] ?? shared, options.rank),
    );
    const ranks = lists.filter((list) => list !== null);
    return ranks.length === lists.length ? blockTermNetwork(modes, ranks) : null;
  });
}

/** Hierarchical Tucker (Hackbusch and Kühn 2009): a balanced tree over the modes, one rank for all its edges, cut to what each can carry. */
export function hierarchicalTucker({
  rank,
  ...options
}: ModeOptions & { readonly rank: number }): Factorisation {
  return overModes('hierarchical Tucker', options, { paired: true }, (modes) =>
    checkRank('hierarchical Tucker', rank, 'the tree', largestOf(treeBounds(modes)))
      ? hierarchicalTuckerNetwork(modes, rank)
      : null,
  );
}

/** A form over modes, which are checked first; gates are folded into the first output mode. */
function overModes(
  form: string,
  { inputModes, outputModes }: ModeOptions,
  { paired }: { readonly paired: boolean },
  build: (modes: Modes) => MatrixNetwork | null,
): Factorisation {
  return {
    form,
    network: (inFeatures, outFeatures, gates) => {
      const fits =
        checkModes(form, 'input', inputModes, inFeatures) &&
        checkModes(form, 'output', outputModes, outFeatures);
      if (!fits) return null;
      if (paired && inputModes.length !== outputModes.length) {
        report(2019, {
          form,
          inputs: inputModes.length,
          outputs: outputModes.length,
          proposal: formatShape(factoriseDimension(outFeatures, inputModes.length)),
        });
        return null;
      }
      return build({ inputModes, outputModes: [gates * outputModes[0], ...outputModes.slice(1)] });
    },
  };
}

export function checkModes(
  form: string,
  side: 'input' | 'output',
  modes: readonly number[],
  features: number,
): boolean {
  if (!Array.isArray(modes)) {
    report(2003, { op: form, wanted: `${side}Modes`, given: String(modes) });
    return false;
  }
  const product = modes.reduce((a, b) => a * b, 1);
  const valid = modes.length > 0 && modes.length <= MAX_MODES && modes.every(isCount);
  if (valid && product === features) return true;
  const count = Math.min(MAX_MODES, Math.max(1, modes.length));
  report(2017, {
    form,
    side,
    modes: formatShape(modes),
    product,
    features,
    proposal: formatShape(factoriseDimension(features, count)),
  });
  return false;
}

export function checkRank(form: string, rank: number, where: string, most: number): boolean {
  if (isCount(rank) && rank <= most) return true;
  const range = most === Number.MAX_SAFE_INTEGER ? 'a positive integer' : `from 1 to ${most}`;
  report(2018, { form, rank: String(rank), where, range });
  return false;
}

const largestOf = (bounds: readonly number[]) =>
  bounds.length === 0 ? Number.MAX_SAFE_INTEGER : Math.max(...bounds);

/**
 * One rank per place: the list given, or one rank for all of them cut to what each can carry. BTC2018 for ranks above that,
 * or above what any place can carry.
 */
export function ranksOf(
  form: string,
  place: 'input' | 'output' | 'bond' | 'mode',
  most: readonly number[],
  given: readonly number[] | undefined,
  rank: number | undefined,
  largest = largestOf(most),
): number[] | null {
  if (given === undefined) {
    const valid = checkRank(form, rank ?? Number.NaN, `all ${place}s`, largest);
    return valid ? most.map((bound) => Math.min(bound, rank!)) : null;
  }
  if (given.length !== most.length) {
    report(2020, { form, given: given.length, wanted: most.length, place });
    return null;
  }
  return given.every((one, k) => checkRank(form, one, `${place} ${k + 1}`, most[k]))
    ? [...given]
    : null;
}
