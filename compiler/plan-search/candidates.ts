import { SCHEDULE_ACTIONS, type ScheduleAction } from './actions/index.ts';
import { KEEP, type Method, SWAP } from './decisions.ts';
import type { ProgramValue } from './program.ts';
import { neighbours, transferTime } from './timeline.ts';
import type { View } from './view.ts';

/** A way to lower the live bytes at the peak step. */
export interface Candidate {
  /** A gap of the program, or -1. */
  readonly gap: number;
  readonly method: Method;
  /** A persistent value that moves to the host, or -1. */
  readonly moved: number;
  readonly bytes: number;
  /** Predicted cost. */
  readonly seconds: number;
  /** Seconds per byte and step over the target: the less the better. */
  readonly score: number;
}

/** Number of times before each one that are over the target. */
function timesOver({ timeline: { curve }, targetBytes }: View): Int32Array {
  const over = new Int32Array(curve.live.length + 1);
  for (let time = 0; time < curve.live.length; time++)
    over[time + 1] = over[time] + (curve.live[time] > targetBytes ? 1 : 0);
  return over;
}

/** Values that are idle at the peak step and could be evicted until their next use, with the cheapest action for each. */
export function candidatesAt(view: View): Candidate[] {
  const { timeline, decisions, forbidden } = view;
  const { program, applied, curve, nextStep } = timeline;
  const time = curve.peakTime;
  const { before, after, touched } = neighbours(timeline, time);
  const over = timesOver(view);
  const found: Candidate[] = [];
  applied.versions.forEach(({ value }, version) => {
    if (touched[version] || curve.first[version] > time || curve.last[version] < time) return;
    const { kind, uses, bytes } = program.values[value];
    if (kind === 'output' || (kind === 'persistent' && !view.onHost(value))) return;
    if (before[version] < 0 || after[version] < 0 || bytes === 0) return;
    const use = firstUseFrom(uses, nextStep[time]);
    if (use <= 0 || use >= uses.length) return;
    const gap = decisions.gapOffsets[value] + use;
    if (forbidden[gap] || decisions.release[gap] || !isSettled(program.values[value], use)) return;
    const covered = over[after[version]] - over[before[version] + 1];
    const between = { value, from: before[version], to: after[version] };
    const decided = decisions.method[gap];
    let best: ScheduleAction | null = null;
    let seconds = Number.POSITIVE_INFINITY;
    for (const action of SCHEDULE_ACTIONS) {
      const { method } = action;
      const isOpen = decided === KEEP ? method !== KEEP : method === decided;
      if (!isOpen || !view.allowed(method)) continue;
      const cost = action.cost(view, between);
      if (cost < seconds) {
        best = action;
        seconds = cost;
      }
    }
    if (!best) return;
    const score = seconds / (bytes * Math.max(1, covered));
    found.push({ gap, method: best.method, moved: -1, bytes, seconds, score });
  });
  return found;
}

/** Before its use `use` a value is as it will be; a persistent one may also be as it was, for its host slot is written once in a run. */
function isSettled({ kind, uses, writers }: ProgramValue, use: number): boolean {
  const written = writers.filter((writer) => writer <= uses[use - 1]).length;
  return written === writers.length || (kind === 'persistent' && written === 0);
}

function firstUseFrom(uses: readonly number[], step: number): number {
  let low = 0;
  let high = uses.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (uses[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Persistent values on the device that the peak step does not touch: they could be host-resident. */
export function residencyCandidates(
  view: View,
  persistentOf: Int32Array,
  persistentBytes: Float64Array,
  onHost: Uint8Array,
): Candidate[] {
  const { timeline, decisions, costs } = view;
  const { program, curve, nextStep, applied } = timeline;
  const step = nextStep[curve.peakTime];
  const over = timesOver(view);
  const total = over[over.length - 1];
  const op = applied.ops[curve.opOf[curve.peakTime]];
  const touched = new Set<number>();
  if (op?.kind === 'step') {
    const { reads, writes } = program.steps[op.step];
    for (const value of [...reads, ...writes]) touched.add(persistentOf[value]);
  }
  const valueById = new Map<number, number>();
  persistentOf.forEach((id, value) => {
    if (id >= 0) valueById.set(id, value);
  });
  const found: Candidate[] = [];
  persistentBytes.forEach((bytes, id) => {
    if (onHost[id] || touched.has(id) || bytes === 0) return;
    const value = valueById.get(id);
    const { uses, writers } =
      value === undefined ? { uses: [], writers: [] } : program.values[value];
    const use = firstUseFrom(uses, step);
    const inside = value !== undefined && use > 0 && use < uses.length;
    if (inside && !isSettled(program.values[value], use)) return;
    const gap = inside ? decisions.gapOffsets[value] + use : -1;
    const copiesIn = uses.length === 0 ? 0 : inside ? 2 : 1;
    const seconds =
      copiesIn * transferTime(costs, 'in', bytes) +
      (writers.length > 0 ? transferTime(costs, 'out', bytes) : 0);
    // It is off the device at all steps outside of its uses. How many of them are over the target is not known without a walk.
    found.push({
      gap,
      method: SWAP,
      moved: id,
      bytes,
      seconds,
      score: seconds / (bytes * Math.max(1, total)),
    });
  });
  return found;
}
