import { isFloat } from '../../ir/dtypes.ts';
import type { Kernel } from '../../ir/kernel.ts';

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

/**
 * Cuts the reduction of a kernel over nested loops where it is a sum that rounds.
 *
 * @param iterations of each loop, outermost first
 * @param terms that one step of the innermost loop adds to one accumulator
 */
export function cascade(
  { nodes, reduction }: Kernel,
  iterations: readonly number[],
  terms = 1,
): Cascade {
  if (reduction?.combiner !== 'sum' || !isFloat(nodes[reduction.value].dtype))
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
