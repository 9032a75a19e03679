import { isFloat } from '../../ir/dtypes.ts';
import type { Kernel, Reduction } from '../../ir/kernel.ts';

/**
 * Where sums are cut into blocks, the same on every target. A sum of n terms one by one is off by up to about
 * n·2^-25 of itself where all terms round alike (equal terms do), so a long one is a cascade: terms go to accumulators
 * of level 0; at the start of each block of terms these are added to those of level 1 and begin anew, and so on. The
 * error is that of as many terms as the blocks of all levels have together: a few hundred for any sum there can be.
 */
export interface Cascade {
  /** Number of levels of accumulators. 1: the sum is as short as a block. */
  readonly levels: number;
  /** Per loop, outermost first: where its iterations are cut, longest blocks first. */
  readonly cuts: readonly (readonly Cut[])[];
}

/** At the start of each block of `iterations`, accumulators of `level` are added to those of the next. */
export interface Cut {
  readonly level: number;
  readonly iterations: number;
}

/** Terms of a block, on level 0 and above; and terms up to which a sum, or a sum of blocks, is not cut. */
const BLOCKS = [128, 64];
const UNCUT = [256, 128];

const at = (numbers: readonly number[], level: number) => numbers[Math.min(level, 1)];

/** Whether a reduction is a sum that rounds, which alone has levels of accumulators. */
const isRoundedSum = ({ nodes }: Kernel, { combiner, value }: Reduction): boolean =>
  combiner === 'sum' && isFloat(nodes[value].dtype);

/** The levels that one of a kernel's reductions has where it is cut like this. */
export function levelsOf(kernel: Kernel, reduction: Reduction, { levels }: Cascade): number {
  return isRoundedSum(kernel, reduction) ? levels : 1;
}

/**
 * Cuts the reductions of a kernel over nested loops where one is a sum that rounds.
 *
 * @param iterations of each loop, outermost first
 * @param terms that one step of the innermost loop adds to one accumulator
 */
export function cascade(kernel: Kernel, iterations: readonly number[], terms = 1): Cascade {
  if (!kernel.reductions.some((one) => isRoundedSum(kernel, one)))
    return { levels: 1, cuts: iterations.map(() => []) };
  const cuts: Cut[][] = [];
  let level = 0;
  /** What one iteration of the loop at hand adds to one accumulator of `level`. */
  let each = terms;
  for (const count of iterations.toReversed()) {
    const own: Cut[] = [];
    let block = 1;
    while (each * Math.ceil(count / block) > at(UNCUT, level)) {
      block *= Math.max(1, Math.floor(at(BLOCKS, level) / each));
      own.unshift({ level, iterations: block });
      level++;
      each = 1;
    }
    each *= Math.ceil(count / block);
    cuts.unshift(own);
  }
  return { levels: level + 1, cuts };
}
