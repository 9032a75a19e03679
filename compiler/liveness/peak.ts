import type { AllocatedSchedule, ScheduleStep } from '../../ir/schedule.ts';
import { alignedBytes, liveBytes } from './lifetimes.ts';

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

/** The step at which most arena memory is live, and what is live there; null when there is no arena. */
export function memoryPeak(schedule: AllocatedSchedule, alignment: number): MemoryPeak | null {
  const bytes = alignedBytes(schedule, alignment);
  let peak: MemoryPeak | null = null;
  schedule.programs.forEach((program, index) => {
    const tensors = schedule.tensors.flatMap((tensor, i) => (tensor.program === index ? [i] : []));
    // At a handover both tensors are live in one place: count the place once.
    const start = (tensor: number) => {
      const { policy, firstStep } = schedule.placements[tensor];
      return policy === 'in-place' ? firstStep + 1 : firstStep;
    };
    const counted = tensors.filter((i) => start(i) <= schedule.placements[i].lastStep);
    const live = liveBytes({
      bytes: Float64Array.from(counted, (i) => bytes[i]),
      first: Int32Array.from(counted, start),
      last: Int32Array.from(counted, (i) => schedule.placements[i].lastStep),
    });
    const most = live.reduce((a, b) => Math.max(a, b), 0);
    if (tensors.length === 0 || (peak && peak.liveBytes >= most)) return;
    const step = live.indexOf(most);
    peak = {
      program: index,
      step,
      scheduleStep: program.steps[step] ?? null,
      liveBytes: most,
      tensors: tensors
        .filter((i) => start(i) <= step && schedule.placements[i].lastStep >= step)
        .sort((a, b) => bytes[b] - bytes[a] || a - b),
    };
  });
  return peak;
}
