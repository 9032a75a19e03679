import type { Blocks } from '../liveness/events.ts';

/**
 * The same blocks over the fewest steps that keep who lives with whom: one step for each largest set of blocks that live
 * together (a maximal clique of the interval graph), in the order of time.
 */
export function overMaximalCliques({ bytes, first, last }: Blocks): {
  readonly blocks: Blocks;
  readonly cliqueCount: number;
} {
  const byFirst = Int32Array.from(bytes.keys()).sort((a, b) => first[a] - first[b]);
  const byLast = Int32Array.from(bytes.keys()).sort((a, b) => last[a] - last[b]);
  const from = new Int32Array(bytes.length);
  const to = new Int32Array(bytes.length);
  let clique = 0;
  let ended = 0;
  for (let begun = 0; begun < bytes.length; clique++) {
    // All that begins up to the next end lives in the step of that end.
    const end = last[byLast[ended]];
    while (begun < bytes.length && first[byFirst[begun]] <= end) from[byFirst[begun++]] = clique;
    const next = begun < bytes.length ? first[byFirst[begun]] : Number.POSITIVE_INFINITY;
    while (ended < bytes.length && last[byLast[ended]] < next) to[byLast[ended++]] = clique;
  }
  return { blocks: { bytes, first: from, last: to }, cliqueCount: clique };
}
