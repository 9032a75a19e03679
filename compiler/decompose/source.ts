import type { Core, MatrixNetwork } from '../factorised/network.ts';

// How a user writes the factorisation that has a given network.

/** One rank per place of the form; a list per block where blocks differ. */
export type Ranks = readonly number[] | readonly (readonly number[])[];

interface Description {
  readonly ranks: Ranks;
  /** Number of blocks; null in forms that have none. */
  readonly blocks: number | null;
  /** `tensorTrain({ inputModes: [4, 7], … })` */
  readonly source: string;
}

/**
 * The ranks and the source text of a network's factorisation; null for a form of one's own.
 *
 * @param gates folded into the first output mode, which the user writes without them
 */
export function describeFactorisation(matrix: MatrixNetwork, gates: number): Description | null {
  const { inputModes, outputModes } = matrix;
  const [first, ...others] = outputModes;
  const modes = `inputModes: ${list(inputModes)}, outputModes: ${list([first / gates, ...others])}`;
  return DESCRIPTIONS[matrix.form]?.(matrix, modes) ?? null;
}

const list = (numbers: readonly number[]) => `[${numbers.join(', ')}]`;
const lastExtent = ({ shape }: Core) => shape[shape.length - 1];
const described = (ranks: Ranks, source: string, blocks: number | null = null): Description => ({
  ranks,
  blocks,
  source,
});

const DESCRIPTIONS: Readonly<
  Record<string, (matrix: MatrixNetwork, modes: string) => Description>
> = {
  'low-rank': ({ networks: [{ cores }] }) => {
    const rank = lastExtent(cores[0]);
    return described([rank], `lowRank({ rank: ${rank} })`);
  },
  CP: ({ networks: [{ cores }] }, modes) => {
    const rank = lastExtent(cores[0]);
    const split = cores[0].letters.length === 2 ? ', split: true' : '';
    return described([rank], `cp({ ${modes}, rank: ${rank}${split} })`);
  },
  Tucker: ({ networks: [{ cores }], inputModes }, modes) => {
    const ranks = cores[cores.length - 1].shape;
    const inputs = list(ranks.slice(0, inputModes.length));
    const outputs = list(ranks.slice(inputModes.length));
    return described(ranks, `tucker({ ${modes}, inputRanks: ${inputs}, outputRanks: ${outputs} })`);
  },
  'tensor-train': ({ networks: [{ cores }] }, modes) => {
    const ranks = cores.slice(0, -1).map(lastExtent);
    return described(ranks, `tensorTrain({ ${modes}, ranks: ${list(ranks)} })`);
  },
  'tensor-ring': ({ networks: [{ cores }] }, modes) => {
    const ranks = cores.map(lastExtent);
    return described(ranks, `tensorRing({ ${modes}, ranks: ${list(ranks)} })`);
  },
  'block-term': ({ networks, inputModes: { length } }, modes) => {
    const centers = networks.map(({ cores }) => cores[cores.length - 1].shape);
    if (networks.length > 1) {
      const ranks = centers.map(list).join(', ');
      return described(centers, `blockTerm({ ${modes}, ranks: [${ranks}] })`, networks.length);
    }
    const [shape] = centers;
    const ranks = shape.slice(-length);
    const blocks = shape.length > length ? shape[0] : 1;
    const source = `blockTerm({ ${modes}, ranks: ${list(ranks)}, blocks: ${blocks} })`;
    return described(ranks, source, blocks);
  },
  'hierarchical Tucker': ({ networks: [{ cores }] }, modes) => {
    // One rank, cut to what each edge can carry; over one mode the tree is a leaf without any.
    const rank = Math.max(1, ...cores.slice(0, -1).map(lastExtent));
    return described([rank], `hierarchicalTucker({ ${modes}, rank: ${rank} })`);
  },
};
