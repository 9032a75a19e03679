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
  const own = steps.map(({ kernel, operands, offsets }) =>
    operands.map((tensor, b): Range => {
      const { access, elements } = kernels[kernel].buffers[b];
      const start = offsets?.[b] ?? 0;
      return { tensor, access, start, end: start + elements };
    }),
  );
  const joins = (a: Range, b: Range) =>
    a.access === b.access &&
    a.access !== 'read_write' &&
    ((a.start === b.start && a.end === b.end) || fillsOne(schedule, a, b, maxBindingBytes));
  for (const one of own.flat()) {
    const other = ranges.find(
      (range) => range.tensor === one.tensor && (meet(range, one) || (near && joins(range, one))),
    );
    if (!other) ranges.push({ ...one });
    else if (!joins(other, one)) return null;
    else {
      other.start = Math.min(other.start, one.start);
      other.end = Math.max(other.end, one.end);
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

const meet = (a: Range, b: Range) => a.start < b.end && b.start < a.end;

/** Whether one binding may be what lies between the ends of two. What is between them and read must hold something. */
function fillsOne({ tensors }: Schedule, a: Range, b: Range, mostBytes: number): boolean {
  const [start, end] = [Math.min(a.start, b.start), Math.max(a.end, b.end)];
  const touch = a.start <= b.end && b.start <= a.end;
  const { role, dtype } = tensors[a.tensor];
  const filled = touch || a.access === 'write' || isPersistent(role) || role === 'input';
  return filled && (end - start) % UNIT === 0 && storedBytes(dtype, end - start) <= mostBytes;
}

function areApart(ranges: readonly Range[]): boolean {
  return ranges.every((a, i) =>
    ranges.slice(0, i).every((b) => a.tensor !== b.tensor || !meet(a, b)),
  );
}

/** Whether a step may be a part at all: it has no working memory of its own in a tensor. */
export function canBePart(kernel: Kernel): boolean {
  return kernel.parts === undefined && workingMemory(kernel).length === 0;
}
