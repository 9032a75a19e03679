import type { Panel } from '../panel.ts';
import { livePanel } from './live.ts';

/** In the order in which they stand. */
export const PANELS: readonly Panel[] = [livePanel];
