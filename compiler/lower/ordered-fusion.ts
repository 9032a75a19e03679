import type { ProgramAccess } from '../liveness/access.ts';
import { type Fused, type FusionLimits, fuse } from './fuse.ts';
import type { LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';

/** An order of the steps of a program with a low peak of live bytes, and that peak. */
export type StepOrdering = (access: ProgramAccess) => {
  readonly order: Int32Array;
  readonly peakBytes: number;
};

/**
 * Fuses the kernels of a program in an order with a low peak of live bytes. The order is chosen first, for fused kernels
 * can move less than their parts, and once more behind fusion. Fusion that keeps the peak never ends above that of the
 * order given. All that can be fused in that order is the other candidate, for it may end lower. Of equal peaks the
 * fewest kernels.
 */
export function fuseInOrder(
  nests: readonly LoopNest[],
  limits: FusionLimits,
  memory: LoopNestMemory,
  orderSteps: StepOrdering,
): Fused {
  const ordered = inOrder(nests, memory, orderSteps).nests;
  const careful = fuse(ordered, limits, memory);
  const isSame =
    careful.unfused.length === 0 && ordered.every((nest, position) => nest === nests[position]);
  const [best, other] = [careful, ...(isSame ? [] : [fuse(nests, limits, null)])].map((fused) => ({
    ...fused,
    ...inOrder(fused.nests, memory, orderSteps),
  }));
  const isBetter =
    other &&
    (other.peakBytes < best.peakBytes ||
      (other.peakBytes === best.peakBytes && other.nests.length < best.nests.length));
  return isBetter ? other : best;
}

function inOrder(nests: readonly LoopNest[], memory: LoopNestMemory, orderSteps: StepOrdering) {
  const { order, peakBytes } = orderSteps(memory.programUse(nests));
  return { nests: Array.from(order, (step) => nests[step]), peakBytes };
}
