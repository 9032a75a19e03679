import { transferTime } from '../transfer-costs.ts';
import { insertClosure, planClosure } from './closure.ts';
import { dropOp, dropReplaced } from './drop.ts';
import { COPY_IN, type Gap, type Sequence } from './sequence.ts';
import type { DeviceCosts, Simulation } from './simulation.ts';

/** What a search may do, and by what it decides. */
export interface EvictOptions {
  readonly mayRecompute: boolean;
  readonly mayCopy: boolean;
  readonly costs: DeviceCosts;
  /** Bytes that no stage is to exceed. */
  readonly targetBytes: number;
  /** For a search that explores (closure.ts). */
  readonly random?: () => number;
}

export type Way = 'recompute' | 'copy';

/** Recomputes or copies a value for the end of a gap, in which it leaves memory. Gives what was inserted, null where it cannot be. */
export function evict(
  sequence: Sequence,
  simulation: Simulation,
  { value, before, after }: Gap,
  way: Way,
  options: EvictOptions,
): readonly number[] | null {
  if (way === 'copy') {
    if (!canCopy(sequence, value, before)) return null;
    const copies = [insertCopy(sequence, simulation, value, before, after, options)];
    dropReplaced(sequence, copies);
    return copies;
  }
  const { costs, targetBytes, random } = options;
  const closure = planClosure(sequence, value, after, {
    ...{ costs, limitBytes: targetBytes },
    ...(random ? { random } : {}),
  });
  if (!closure) return null;
  const made = insertClosure(sequence, closure, after);
  dropReplaced(sequence, made);
  return made;
}

export function canCopy({ model, stage }: Sequence, value: number, before: number): boolean {
  const { hosted, sentBehind, counted } = model;
  if (!counted[value] || model.isOutput[value]) return false;
  return hosted[value] === 1 || (sentBehind[value] >= 0 && sentBehind[value] <= stage[before]);
}

/**
 * A copy in for op `after`, as early as its time asks for and memory allows: computation that it hides behind is worth more than memory
 * that nobody else wants.
 */
export function insertCopy(
  sequence: Sequence,
  simulation: Simulation,
  value: number,
  before: number,
  after: number,
  { costs, targetBytes }: EvictOptions,
): number {
  const { stage, tree, model, extras } = sequence;
  const bytes = model.bytes[value];
  const earliest = stage[before] + 1;
  let at = stage[after];
  let wanted = costs.overlap > 0 ? transferTime(costs, 'in', bytes) : 0;
  while (at > earliest && wanted > 0 && tree.at(at - 1) + bytes <= targetBytes) {
    at--;
    wanted -= simulation.between(at, at);
  }
  if (at === stage[after]) return sequence.insert(COPY_IN, value, after);
  return sequence.insert(COPY_IN, value, extras[at]?.[0] ?? at);
}

/**
 * Drops what the ops in `made` make needless: recomputations and copies of the same values that come later, where the values can
 * stay in memory until then.
 */
export function dropFollowers(
  sequence: Sequence,
  made: readonly number[],
  limitBytes: number,
): void {
  for (const op of made) {
    if (sequence.stage[op] < 0) continue;
    for (const value of sequence.touchedBy(op)) {
      const list = sequence.touches[value];
      const place = sequence.placeOf(value, op);
      if ((list[place] & 1) === 0) continue;
      let next = place + 1;
      while (next < list.length && (list[next] & 1) === 0) next++;
      if (next === list.length) continue;
      const follower = list[next] >> 1;
      if (follower < sequence.model.stepCount) continue;
      const mark = sequence.mark;
      dropOp(sequence, follower);
      if (sequence.peakBytes > limitBytes) sequence.revert(mark);
    }
  }
}
