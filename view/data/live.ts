import { LiveEvents, peakOf } from '../../compiler/liveness/events.ts';
import { countedFrom } from '../../compiler/liveness/peak.ts';
import type { Plan } from '../../ir/plan.ts';
import { MEMORY_KINDS } from './kinds.ts';

/** Bytes in use at each step of a program, by what they are for. */
export interface LiveStack {
  /** By {@link MEMORY_KINDS}; all as long as the program. */
  readonly layers: readonly Float64Array[];
  /** Their sum. */
  readonly total: Float64Array;
  /** Of `total`, that of tensors with a life: what `btc inspect` calls live bytes. */
  readonly arena: Float64Array;
  /** Where `arena` is largest first, and how large it is there. */
  readonly peak: { readonly step: number; readonly bytes: number };
}

/** Counts the live bytes of a program; what stays on the device between runs is there in every step. */
export function liveStack(plan: Plan, program: string, kinds: Uint8Array): LiveStack {
  const steps = Math.max(1, plan.programs[program].steps.length);
  const events = MEMORY_KINDS.map(() => new LiveEvents(steps));
  const resident = new Float64Array(MEMORY_KINDS.length);
  plan.tensors.forEach((tensor, index) => {
    if (tensor.policy === 'persistent') resident[kinds[index]] += tensor.bytes;
    if (tensor.program === program)
      events[kinds[index]].live(countedFrom(tensor), tensor.lastStep, tensor.bytes);
  });
  const layers = events.map((each) => each.sums());
  const arena = new Float64Array(steps);
  const total = new Float64Array(steps);
  layers.forEach((layer, kind) => {
    for (let step = 0; step < steps; step++) {
      arena[step] += layer[step];
      layer[step] += resident[kind];
      total[step] += layer[step];
    }
  });
  return { layers, total, arena, peak: peakOf(arena) };
}
