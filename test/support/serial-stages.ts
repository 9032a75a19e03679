import type { StageModel } from '../../compiler/lower/index.ts';
import { pointCount } from '../../ir/kernel.ts';

/** A target on which only the length of loops counts. */
export const serialStages: StageModel = {
  arrayBytes: 0,
  needsHolder: false,
  clusters: false,
  hasWorkgroups: false,
  splitsReductions: true,
  time: (kernel) => pointCount(kernel, 'reduced') ** 2,
};
