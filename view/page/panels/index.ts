import type { Panel } from '../panel.ts';
import { arenaPanel } from './arena.ts';
import { hintPanel } from './hint.ts';
import { livePanel } from './live.ts';
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
];
