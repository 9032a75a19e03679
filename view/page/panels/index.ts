import type { Panel } from '../panel.ts';
import { arenaPanel } from './arena.ts';
import { comparePanel } from './compare.ts';
import { contractionsPanel } from './contractions.ts';
import { hintPanel } from './hint.ts';
import { kernelsPanel } from './kernels.ts';
import { livePanel } from './live.ts';
import { neighbourhoodPanel } from './neighbourhood.ts';
import { sourcePanel } from './source.ts';
import { stepPanel } from './step.ts';
import { stepsPanel } from './steps.ts';
import { tensorPanel } from './tensor.ts';

/** In the order in which they stand. */
export const PANELS: readonly Panel[] = [
  livePanel,
  arenaPanel,
  stepsPanel,
  tensorPanel,
  stepPanel,
  hintPanel,
  neighbourhoodPanel,
  comparePanel,
  sourcePanel,
  kernelsPanel,
  contractionsPanel,
];
