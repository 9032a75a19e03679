import type { Target } from '../../ir/plan.ts';
import type {
  AllocatedSchedule,
  Schedule,
  ScheduleTensor,
  TargetLimits,
} from '../../ir/schedule.ts';
import { printSchedule } from '../../ir/schedule-text.ts';
import { byteCount } from '../../ir/tensor.ts';
import { allocate, slabCapacity } from './allocate.ts';
import { type InPlaceSchedule, shareInPlace } from './in-place.ts';
import { liveness } from './liveness.ts';
import { orderSteps } from './order.ts';
import { type MemoryPeak, memoryPeak } from './peak.ts';
import { dropUnused } from './unused.ts';

export { type MemoryPeak, memoryPeak };

export type MemoryStage = 'order' | 'in-place' | 'allocate';

export interface MemoryOptions {
  /** wasm has one slab and reads its memory directly, so it needs no staging. */
  readonly target: Target;
  /** Shows the schedule after a stage. */
  print?(stage: MemoryStage, text: string): void;
}

/** Why a schedule cannot be placed on a target at all, whatever the budget. */
export type MemoryError =
  /** A tensor larger than one binding (BTC4002). */
  | {
      readonly kind: 'binding';
      readonly tensor: ScheduleTensor;
      readonly bytes: number;
      readonly limit: number;
    }
  /** More than the target can address (BTC4003). */
  | { readonly kind: 'address-space'; readonly bytes: number; readonly limit: number };

export type MemoryPlan =
  | {
      readonly schedule: AllocatedSchedule;
      /** Everything that the runtime will allocate: slabs and staging. */
      readonly deviceBytes: number;
      /** Null when no program has arena tensors. */
      readonly peak: MemoryPeak | null;
      readonly errors: readonly [];
    }
  | {
      readonly schedule: null;
      readonly deviceBytes: 0;
      readonly peak: null;
      readonly errors: readonly MemoryError[];
    };

/**
 * Gives every tensor its place: orders the steps of each program for a low peak, lets tensors take over the memory
 * of operands that die, and assigns offsets in as few slabs as the limits allow. Persistent tensors come first
 * in the slabs; the arena behind them is shared by all programs, which never run at the same time. Tensors that
 * no step touches are dropped, inputs and outputs excepted. Deterministic.
 */
export function planMemory(
  schedule: Schedule,
  limits: TargetLimits,
  options: MemoryOptions,
): MemoryPlan {
  const used = dropUnused(schedule);
  const errors = bindingErrors(used, limits);
  if (errors.length > 0) return { schedule: null, deviceBytes: 0, peak: null, errors };

  const ordered = orderSteps(used, limits.offsetAlignment);
  options.print?.('order', printSchedule(ordered));
  const live = liveness(ordered);
  const merged = shareInPlace(ordered, live);
  options.print?.('in-place', printInPlace(merged));
  const allocated = allocate(merged, live, limits, options.target);
  const deviceBytes = allocated.slabs.reduce((sum, slab) => sum + slab.bytes, 0);
  if (options.target === 'wasm' && allocated.slabs.length > 1) {
    const limit = limits.maxBufferBytes;
    const error: MemoryError = { kind: 'address-space', bytes: deviceBytes, limit };
    return { schedule: null, deviceBytes: 0, peak: null, errors: [error] };
  }
  options.print?.('allocate', printSchedule(allocated));
  return {
    schedule: allocated,
    deviceBytes: deviceBytes + allocated.stagingBytes,
    peak: memoryPeak(allocated, limits.offsetAlignment),
    errors: [],
  };
}

/** The schedule and one line per handover, which the merged operands no longer show. */
function printInPlace(merged: InPlaceSchedule): string {
  const lines = merged.handovers.map(
    ({ tensor, from, step }) => `# t${tensor} takes over t${from} in step ${step}\n`,
  );
  return printSchedule(merged.schedule) + lines.join('');
}

function bindingErrors(schedule: Schedule, limits: TargetLimits): MemoryError[] {
  const limit = Math.min(limits.maxBindingBytes, slabCapacity(limits));
  return schedule.tensors.flatMap((tensor): MemoryError[] => {
    const bytes = byteCount(tensor.shape);
    return bytes > limit ? [{ kind: 'binding', tensor, bytes, limit }] : [];
  });
}
