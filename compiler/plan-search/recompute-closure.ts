import { isResident, type Timeline, type TransferCosts, transferTime } from './timeline.ts';

/** What it costs to rematerialise a value. */
export interface ClosureCost {
  readonly seconds: number;
  /** Bytes beyond the value's own that are live on the way, where everything is freed as early as possible. */
  readonly transientBytes: number;
}

/** Larger closures are not worth looking at. */
const LARGEST_CLOSURE = 512;

/**
 * Cost of the recompute closure of `value` right before `time`: the value, and what it needs that is neither resident then nor on the
 * host. Null where it is infeasible. `evicted` are values that are about to be evicted at that time as well.
 */
export function closureCost(
  timeline: Timeline,
  costs: TransferCosts,
  value: number,
  time: number,
  evicted: ReadonlySet<number>,
): ClosureCost | null {
  const { program, nextStep, hostedFrom } = timeline;
  const step = nextStep[time];
  const seen = new Set([value]);
  const pending = [value];
  let seconds = 0;
  let transientBytes = 0;
  while (pending.length > 0) {
    const current = pending.pop()!;
    const { writers, kind, bytes } = program.values[current];
    if (kind !== 'temporary' || writers.length === 0 || seen.size > LARGEST_CLOSURE) return null;
    let here = current === value ? 0 : bytes;
    for (const producer of writers) {
      const { repeatable, reads, writes, seconds: once } = program.steps[producer];
      if (!repeatable) return null;
      seconds += once;
      for (const other of writes) if (other !== current) here += program.values[other].bytes;
      for (const read of reads) {
        if (read === current) continue;
        if (!readsTheSame(timeline, read, producer, step)) return null;
        if (seen.has(read)) continue;
        if (!evicted.has(read) && isResident(timeline, read, time)) continue;
        if (program.values[read].kind === 'persistent' && hostedFrom[read] > 0) continue;
        seen.add(read);
        here += program.values[read].bytes;
        if (hostedFrom[read] < time)
          seconds += transferTime(costs, 'in', program.values[read].bytes);
        else pending.push(read);
      }
    }
    transientBytes = Math.max(transientBytes, here);
  }
  return { seconds, transientBytes };
}

/** Whether `value` holds before step `step` what step `reader` read of it. */
function readsTheSame({ program }: Timeline, value: number, reader: number, step: number): boolean {
  const { writers, kind, accumulated } = program.values[value];
  const writtenBefore = (s: number) => writers.filter((writer) => writer < s).length;
  if (kind === 'persistent') return writtenBefore(reader) === writtenBefore(step);
  return !accumulated || writers[writers.length - 1] < reader;
}
