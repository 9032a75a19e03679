import { storedBytes } from '../../ir/dtypes.ts';
import type { Access, Kernel, KernelBuffer, KernelPart } from '../../ir/kernel.ts';
import { workingMemory } from '../../ir/kernel-stage.ts';
import { isPersistent } from '../../ir/plan.ts';
import type { Schedule, ScheduleStep, TargetLimits } from '../../ir/schedule.ts';

/** Steps that share a dispatch, as one: the parts of its kernel, and what it binds. */
export interface JoinedBindings {
  readonly parts: readonly KernelPart[];
  readonly buffers: readonly KernelBuffer[];
  readonly operands: readonly number[];
  readonly offsets: readonly number[];
}

/** A range of a tensor that some steps bind. */
interface Range {
  readonly tensor: number;
  readonly access: Access;
  start: number;
  end: number;
}

/** Bounds of vectors of four. */
const UNIT = 4;

/**
 * What steps that do not depend on each other bind together: a range that several read is one binding. Where `near` ranges of a
 * tensor are joined as well, there are fewer bindings, but fewer steps whose code is the same. Null where the device has not as many
 * bindings, or ranges overlap that cannot be one.
 */
export function joinBindings(
  schedule: Schedule,
  steps: readonly ScheduleStep[],
  limits: Pick<TargetLimits, 'maxStorageBuffers' | 'maxBindingBytes'>,
): JoinedBindings | null {
  return joined(schedule, steps, limits, false) ?? joined(schedule, steps, limits, true);
}

function joined(
  schedule: Schedule,
  steps: readonly ScheduleStep[],
  {
    maxStorageBuffers,
    maxBindingBytes,
  }: Pick<TargetLimits, 'maxStorageBuffers' | 'maxBindingBytes'>,
  near: boolean,
): JoinedBindings | null {
  const { tensors, kernels } = schedule;
  const ranges: Range[] = [];
  const most = (tensor: number) => (maxBindingBytes / storedBytes(tensors[tensor].dtype, 2)) * 2;
  const own = steps.map(({ kernel, operands, offsets }) =>
    operands.map((tensor, b): Range => {
      const { access, elements } = kernels[kernel].buffers[b];
      const start = offsets?.[b] ?? 0;
      return { tensor, access, start, end: start + elements };
    }),
  );
  for (const list of own)
    for (const one of list) {
      let joins: Range | undefined;
      for (const range of ranges) {
        if (range.tensor !== one.tensor) continue;
        const same = range.start === one.start && range.end === one.end;
        const apart = range.end <= one.start || one.end <= range.start;
        const alike = range.access === one.access && one.access !== 'read_write';
        if (apart ? near && alike && joinsNear(schedule, range, one, most(one.tensor)) : true) {
          // Of two that overlap none is written, or the steps would not be independent.
          if (!apart && !(alike && (same || joinsNear(schedule, range, one, most(one.tensor)))))
            return null;
          joins = range;
          break;
        }
      }
      if (!joins) ranges.push({ ...one });
      else {
        joins.start = Math.min(joins.start, one.start);
        joins.end = Math.max(joins.end, one.end);
      }
    }
  if (ranges.length > maxStorageBuffers || !areApart(ranges)) return null;
  const placeOf = ({ tensor, start, end }: Range) => {
    const buffer = ranges.findIndex(
      (range) => range.tensor === tensor && range.start <= start && end <= range.end,
    );
    return { buffer, start: start - ranges[buffer].start };
  };
  return {
    parts: steps.map(({ kernel }, p) => ({ kernel: kernels[kernel], places: own[p].map(placeOf) })),
    buffers: ranges.map(({ tensor, access, start, end }) => ({
      dtype: tensors[tensor].dtype,
      access,
      elements: end - start,
    })),
    operands: ranges.map(({ tensor }) => tensor),
    offsets: ranges.map(({ start }) => start),
  };
}

/** Whether one binding may be what lies between the ends of two. What is between them and read must hold something. */
function joinsNear({ tensors }: Schedule, a: Range, b: Range, most: number): boolean {
  const [start, end] = [Math.min(a.start, b.start), Math.max(a.end, b.end)];
  const touch = a.start <= b.end && b.start <= a.end;
  const { role } = tensors[a.tensor];
  const filled = touch || a.access === 'write' || isPersistent(role) || role === 'input';
  return filled && (end - start) % UNIT === 0 && end - start <= most;
}

function areApart(ranges: readonly Range[]): boolean {
  return ranges.every((a, i) =>
    ranges.slice(0, i).every((b) => a.tensor !== b.tensor || a.end <= b.start || b.end <= a.start),
  );
}

/** Whether a step may be a part at all: it has no working memory of its own in a tensor. */
export function canBePart(kernel: Kernel): boolean {
  return kernel.parts === undefined && workingMemory(kernel).length === 0;
}
