import { orderProgram } from '../memory/order.ts';
import type { KernelDraft } from './draft.ts';
import type { DraftMemory } from './draft-use.ts';
import { type Fused, type FusionLimits, fuse } from './fuse.ts';

/**
 * Fuses the kernels of a program in an order with a low peak of live bytes. The order is chosen first, for fused kernels
 * can move less than their parts, and once more behind fusion. Fusion that keeps the peak never ends above that of the
 * order given. All that can be fused in that order is the other candidate, for it may end lower. Of equal peaks the
 * fewest kernels.
 */
export function fuseInOrder(
  drafts: readonly KernelDraft[],
  limits: FusionLimits,
  memory: DraftMemory,
): Fused {
  const ordered = inOrder(drafts, memory).drafts;
  const careful = fuse(ordered, limits, memory);
  const isSame =
    careful.refused.length === 0 && ordered.every((draft, position) => draft === drafts[position]);
  const [best, other] = [careful, ...(isSame ? [] : [fuse(drafts, limits, null)])].map((fused) => ({
    ...fused,
    ...inOrder(fused.drafts, memory),
  }));
  const isBetter =
    other &&
    (other.peakBytes < best.peakBytes ||
      (other.peakBytes === best.peakBytes && other.drafts.length < best.drafts.length));
  return isBetter ? other : best;
}

function inOrder(drafts: readonly KernelDraft[], memory: DraftMemory) {
  const { order, peakBytes } = orderProgram(memory.programUse(drafts));
  return { drafts: Array.from(order, (step) => drafts[step]), peakBytes };
}
