import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged, partList, tileCount, tileParts } from '../../../ir/kernel-stage.ts';
import { stagedLocalityCost } from './locality.ts';
import { tilePartTime } from './plan-nest.ts';
import { workingForm } from './working-form.ts';

/** A call of a kernel, in vector additions. */
const CALL = 256;
/** What setting out on the loops inside of a tile costs. */
const TILE = 32;

/**
 * Time of one run of a kernel, in vector additions, by the model that chooses its loops. A contraction has the panels that it
 * would be given memory for.
 */
export function wasmTime(kernel: Kernel): number {
  if (!isStaged(kernel)) return CALL + workingForm(kernel).cost;
  const { tileAxes } = kernel.staging;
  const parts = partList(tileParts(kernel)).map((part) => tilePartTime(part, tileAxes));
  const computing = parts.reduce((sum, part) => sum + part.computing, 0);
  const loops = computing + stagedLocalityCost(parts, tileAxes);
  return CALL + TILE * tileCount(kernel) + loops;
}

/** Elements of working memory that a kernel is worth: those of the form that makes it faster than loops alone. */
export function wasmScratch(kernel: Kernel): number {
  if (isStaged(kernel)) return 0;
  const { panels, columns } = workingForm(kernel);
  return panels?.layout.elements ?? columns?.elements ?? 0;
}
