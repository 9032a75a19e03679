import { storedBytes } from '../../ir/dtypes.ts';
import type { Target } from '../../ir/plan.ts';
import type {
  AllocatedSchedule,
  Schedule,
  ScheduleTensor,
  TargetLimits,
} from '../../ir/schedule.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { byteCount } from '../../ir/tensor.ts';
import { slabCapacity } from './allocate.ts';
import type { HostBudget } from './host-slots.ts';

export { type MemoryPeak, memoryPeak } from '../liveness/peak.ts';
export { type Allocation, allocate } from './allocate.ts';
export { type HostBudget, UNLIMITED_HOST } from './host-slots.ts';
export { type InPlaceSchedule, shareInPlace } from './in-place.ts';
export { orderProgram, orderSteps } from './order.ts';
export { shareParts } from './share-parts.ts';
export { dropUnused } from './unused.ts';

/** A tensor larger than one binding (BTC4002). */
export interface TooLarge {
  readonly kind: 'binding';
  readonly tensor: ScheduleTensor;
  readonly bytes: number;
  readonly limit: number;
}

/** Why a schedule cannot be placed on a target at all, whatever the budget. */
export type MemoryError =
  | TooLarge
  /** More than the target can address (BTC4003). */
  | { readonly kind: 'address-space'; readonly bytes: number; readonly limit: number }
  /** More outside the device than allowed (BTC4005). */
  | {
      readonly kind: 'host';
      /** What the swaps take outside of the device. */
      readonly bytes: number;
      readonly budget: HostBudget;
    };

/** Tensors that no slab of the target can hold, or of which a step binds more than a binding can. */
export function bindingErrors(schedule: Schedule, limits: TargetLimits): TooLarge[] {
  const capacity = slabCapacity(limits);
  const limit = Math.min(limits.maxBindingBytes, capacity);
  const bound = boundBytes(schedule);
  return schedule.tensors.flatMap((tensor, k): TooLarge[] => {
    const bytes = byteCount(tensor);
    const fits = bytes <= capacity && bound[k] <= limit;
    return fits ? [] : [{ kind: 'binding', tensor, bytes, limit }];
  });
}

/** By tensor: the most of it that one step binds. */
function boundBytes({ tensors, kernels, programs }: Schedule): Float64Array {
  const bytes = new Float64Array(tensors.length);
  for (const { steps } of programs)
    for (const { kernel, operands } of steps)
      operands.forEach((tensor, k) => {
        const { dtype, elements } = kernels[kernel].buffers[k];
        bytes[tensor] = Math.max(bytes[tensor], storedBytes(dtype, elements));
      });
  return bytes;
}

/** Why slabs cannot all be addressed; null where they can. */
export function addressError(
  { slabs }: AllocatedSchedule,
  limits: TargetLimits,
  target: Target,
): MemoryError | null {
  if (!TARGET_RULES[target].oneAddressSpace || slabs.length <= 1) return null;
  return { kind: 'address-space', bytes: slabBytes(slabs), limit: limits.maxBufferBytes };
}

export function slabBytes(slabs: AllocatedSchedule['slabs']): number {
  return slabs.reduce((sum, slab) => sum + slab.bytes, 0);
}
