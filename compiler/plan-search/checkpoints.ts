import { applyDecisions, isInfeasible } from './apply.ts';
import { type Decisions, noDecisions, RECOMPUTE } from './decisions.ts';
import type { ValueProgram } from './program.ts';
import { turnUse } from './segments.ts';

/** Segments of at most so many different sizes are looked at. */
const SIZES = 12;

/**
 * Checkpoints of a chain by dynamic programming (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, with the sizes that
 * there are instead of equal ones): the forward pass is cut into segments that hold at most so many bytes for the backward pass,
 * with the fewest bytes across the cuts. Values inside of a segment are evicted and recomputed at their first use in the backward
 * pass. One set of decisions for each of several sizes, those with large segments first. Linear in the steps.
 */
export function checkpointDecisions(program: ValueProgram): Decisions[] {
  const { values, turn } = program;
  const saved: number[] = [];
  values.forEach(({ kind, writers }, value) => {
    if (kind !== 'temporary' || writers.length === 0) return;
    if (writers[writers.length - 1] < turn && turnUse(program, value) > 0) saved.push(value);
  });
  if (saved.length < 4) return [];
  const held = new Float64Array(turn + 1);
  const across = new Float64Array(turn + 1);
  const lastForward = new Map<number, number>();
  for (const value of saved) {
    const { writers, uses, bytes } = values[value];
    const made = writers[writers.length - 1];
    held[made + 1] += bytes;
    const last = uses[turnUse(program, value) - 1];
    lastForward.set(value, last);
    // Across every cut between what makes it and its last use in the forward pass.
    if (last > made) {
      across[made + 1] += bytes;
      across[Math.min(last, turn) + 1 <= turn ? last + 1 : turn] -= bytes;
    }
  }
  for (let step = 1; step <= turn; step++) {
    held[step] += held[step - 1];
    across[step] += across[step - 1];
  }
  const found: Decisions[] = [];
  for (let size = 1; size <= SIZES; size++) {
    const cuts = cutsWithin(held, across, held[turn] / 1.6 ** size);
    if (!cuts) break;
    const segment = new Int32Array(turn + 1);
    for (const cut of cuts) segment[cut]++;
    for (let step = 1; step <= turn; step++) segment[step] += segment[step - 1];
    const decisions = noDecisions(program);
    for (const value of saved) {
      const { writers } = values[value];
      const made = writers[writers.length - 1];
      // It is there all the same where a later segment starts from it.
      if (segment[made + 1] !== segment[Math.min(turn, lastForward.get(value)!)]) continue;
      decisions.method[decisions.gapOffsets[value] + turnUse(program, value)] = RECOMPUTE;
    }
    if (!isInfeasible(applyDecisions(program, decisions, () => false))) found.push(decisions);
  }
  return found;
}

/**
 * Cuts, as numbers of steps before them, with the fewest bytes across them such that what is made between two of them holds at most
 * `most` bytes; null where there are none. Candidates within reach form a window, whose least is at the front of a queue.
 */
function cutsWithin(held: Float64Array, across: Float64Array, most: number): number[] | null {
  const count = held.length;
  const cost = new Float64Array(count);
  const from = new Int32Array(count).fill(-1);
  const queue: number[] = [0];
  let front = 0;
  for (let step = 1; step < count; step++) {
    while (front < queue.length && held[step] - held[queue[front]] > most) front++;
    if (front === queue.length) return null;
    from[step] = queue[front];
    cost[step] = cost[queue[front]] + across[step];
    while (queue.length > front && cost[queue[queue.length - 1]] >= cost[step]) queue.pop();
    queue.push(step);
  }
  const cuts: number[] = [];
  for (let step = from[count - 1]; step > 0; step = from[step]) cuts.push(step);
  return cuts.reverse();
}
