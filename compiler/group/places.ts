import type { AllocatedSchedule, Placement, Schedule, TargetLimits } from '../../ir/schedule.ts';
import { LiveEvents } from '../liveness/events.ts';
import { alignedBytes } from '../liveness/lifetimes.ts';
import type { ProgramGroups } from './regroup.ts';

/** The schedule with other steps: tensors keep their places, and their lives are in the new steps. */
export function placedAnew(
  before: AllocatedSchedule,
  { kernels, programs }: Pick<Schedule, 'kernels' | 'programs'>,
  all: readonly ProgramGroups[],
  limits: TargetLimits,
): AllocatedSchedule {
  const { tensors, placements } = before;
  const first = new Int32Array(tensors.length).fill(-1);
  const last = new Int32Array(tensors.length).fill(-1);
  const use = (tensor: number, step: number) => {
    if (first[tensor] < 0 || step < first[tensor]) first[tensor] = step;
    last[tensor] = Math.max(last[tensor], step);
  };
  let lastOfAll = 0;
  for (const { steps, transfers = [], inputs, outputs } of programs) {
    const end = Math.max(0, steps.length - 1);
    lastOfAll = Math.max(lastOfAll, end);
    steps.forEach(({ operands }, s) => {
      for (const tensor of operands) use(tensor, s);
    });
    for (const { tensor, step } of transfers) use(tensor, step);
    for (const { tensor } of inputs) use(tensor, 0);
    for (const { tensor } of outputs) use(tensor, end);
  }
  for (const [tensor, from] of donorsOf(before)) use(from, first[tensor]);
  const lives = placements.map((place, i): Placement => {
    const shared = tensors[i].program === null;
    return {
      ...place,
      firstStep: shared ? 0 : first[i],
      lastStep: shared ? lastOfAll : last[i],
    };
  });
  const schedule = { ...before, kernels, programs, placements: lives };
  return { ...schedule, peakLiveBytes: peakOf(schedule, all, limits) };
}

/** By tensor that has taken over a place: the one that was there, whose life ends where its own begins. */
function donorsOf({ tensors, placements, programs }: AllocatedSchedule): Map<number, number> {
  const key = (tensor: number, step: number) => {
    const { slab, offset } = placements[tensor];
    return `${tensors[tensor].program}:${slab}:${offset}:${step}`;
  };
  const outputs = new Set(
    programs.flatMap((program) => program.outputs.map(({ tensor }) => tensor)),
  );
  const brought = new Set(
    programs.flatMap(({ transfers = [] }) =>
      transfers.flatMap(({ kind, tensor }) => (kind === 'in' ? [tensor] : [])),
    ),
  );
  const dying = new Map<string, number>();
  tensors.forEach(({ program, role }, i) => {
    const { firstStep, lastStep } = placements[i];
    const before = firstStep < lastStep || role === 'input' || brought.has(i);
    if (program !== null && before && !outputs.has(i)) dying.set(key(i, lastStep), i);
  });
  const donors = new Map<number, number>();
  placements.forEach(({ policy, firstStep }, i) => {
    if (policy !== 'in-place') return;
    const from = dying.get(key(i, firstStep));
    if (from !== undefined) donors.set(i, from);
  });
  return donors;
}

function peakOf(
  schedule: AllocatedSchedule,
  all: readonly ProgramGroups[],
  { offsetAlignment }: TargetLimits,
): number {
  const bytes = alignedBytes(schedule, offsetAlignment);
  const events = all.map(({ groups }) => new LiveEvents(groups.length));
  schedule.tensors.forEach(({ program }, i) => {
    if (program === null) return;
    const { firstStep, lastStep, policy } = schedule.placements[i];
    // What takes over a place counts once its donor is dead.
    events[program].live(policy === 'in-place' ? firstStep + 1 : firstStep, lastStep, bytes[i]);
  });
  return Math.max(0, ...events.map((one) => one.peakBytes()));
}
