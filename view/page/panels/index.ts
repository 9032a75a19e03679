import type { Panel } from '../panel.ts';
import { arenaPanel } from './arena.ts';
import { livePanel } from './live.ts';
import { stepsPanel } from './steps.ts';

/** In the order in which they stand. */
export const PANELS: readonly Panel[] = [livePanel, arenaPanel, stepsPanel];
