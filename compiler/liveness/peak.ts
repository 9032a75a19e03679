import type { AllocatedSchedule, ScheduleStep } from '../../ir/schedule.ts';
import { LiveEvents, peakOf } from './events.ts';
import { alignedBytes } from './lifetimes.ts';

/** The step at which most memory is live. Persistent tensors and staging are not in `liveBytes`. */
export interface MemoryPeak {
  /** Index into `programs`. */
  readonly program: number;
  readonly step: number;
  readonly scheduleStep: ScheduleStep | null;
  readonly liveBytes: number;
  /** Arena tensors that are live there, largest first (indices into `tensors` of the schedule that was returned). */
  readonly tensors: readonly number[];
}

/** The part of a placement, or of a plan's tensor, that says when it has its place. */
interface Placed {
  readonly policy: string;
  readonly firstStep: number;
  readonly lastStep: number;
}

/** From which step a placed tensor counts: at a handover two tensors are live in one place, which is the first one's. */
export function countedFrom({ policy, firstStep }: Placed): number {
  return policy === 'in-place' ? firstStep + 1 : firstStep;
}

/** Whether the place of a placed tensor counts as its own at a step. */
export function countsAt(placed: Placed, step: number): boolean {
  return countedFrom(placed) <= step && step <= placed.lastStep;
}

/** Live bytes at each of `stepCount` steps of tensors that have their places, a shared place once. */
export function placedLiveBytes(
  placed: Iterable<Placed & { readonly bytes: number }>,
  stepCount: number,
): Float64Array {
  const events = new LiveEvents(stepCount);
  for (const one of placed) events.live(countedFrom(one), one.lastStep, one.bytes);
  return events.sums();
}

/** The peak step of the arena, and what is live there; null when there is no arena. */
export function memoryPeak(schedule: AllocatedSchedule, alignment: number): MemoryPeak | null {
  const { tensors, placements } = schedule;
  const bytes = alignedBytes(schedule, alignment);
  let peak: MemoryPeak | null = null;
  schedule.programs.forEach(({ steps }, index) => {
    const own = tensors.flatMap(({ program }, tensor) => (program === index ? [tensor] : []));
    const live = placedLiveBytes(
      own.map((tensor) => ({ ...placements[tensor], bytes: bytes[tensor] })),
      Math.max(1, steps.length),
    );
    const most = peakOf(live);
    if (own.length === 0 || (peak && peak.liveBytes >= most.bytes)) return;
    peak = {
      program: index,
      step: most.step,
      scheduleStep: steps[most.step] ?? null,
      liveBytes: most.bytes,
      tensors: own
        .filter((tensor) => countsAt(placements[tensor], most.step))
        .sort((a, b) => bytes[b] - bytes[a] || a - b),
    };
  });
  return peak;
}
