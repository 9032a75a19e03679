import type { Blocks } from '../../compiler/liveness/events.ts';

export function conflictOf(blocks: Blocks, addresses: Float64Array, peak: number): string | null;
