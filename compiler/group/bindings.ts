import { STORAGE_TYPES, storedBytes } from '../../ir/dtypes.ts';
import type { Access, Kernel, KernelBuffer, KernelPart, Span } from '../../ir/kernel.ts';
import { workingMemory } from '../../ir/kernel-stage.ts';
import type { AllocatedSchedule, ScheduleStep, TargetLimits } from '../../ir/schedule.ts';
import { bindingCount, SPAN_UNIT_BYTES } from '../../ir/spans.ts';

/** Steps that share a dispatch, as one: the parts of its kernel, and what it binds. */
export interface JoinedBindings {
  readonly parts: readonly KernelPart[];
  readonly buffers: readonly KernelBuffer[];
  /** Absent where each buffer is a binding. */
  readonly spans?: readonly Span[];
  readonly operands: readonly number[];
  readonly offsets: readonly number[];
}

/** A range of a tensor that some steps bind. */
interface Range {
  readonly tensor: number;
  readonly access: Access;
  readonly start: number;
  readonly end: number;
  /** Some code of it accesses vectors of four; some stores single elements. */
  readonly vectors: boolean;
  readonly singles: boolean;
}

/** Bounds of vectors of four. */
const UNIT = 4;

/** By number of a kernel and of its buffer: whether its code accesses it as vectors of four. */
export type KernelVectors = (kernel: number) => readonly boolean[];

type BindingLimits = Pick<TargetLimits, 'maxStorageBuffers' | 'maxBindingBytes'>;

/**
 * What steps that do not depend on each other bind together: a range that several read is one buffer. Where there are more buffers
 * than the device has bindings, those that lie one behind the other in a slab share one. Null where that is not enough, or ranges overlap that
 * cannot be one.
 */
export function joinBindings(
  schedule: AllocatedSchedule,
  steps: readonly ScheduleStep[],
  limits: BindingLimits,
  vectorsOf: KernelVectors,
): JoinedBindings | null {
  const { tensors, kernels } = schedule;
  const own = steps.map(({ kernel, operands, offsets }) =>
    operands.map((tensor, b): Range => {
      const { access, elements } = kernels[kernel].buffers[b];
      const start = offsets?.[b] ?? 0;
      const vectors = vectorsOf(kernel)[b];
      const singles = !vectors && access !== 'read';
      return { tensor, access, start, end: start + elements, vectors, singles };
    }),
  );
  const byTensor = new Map<number, Range[]>();
  for (const one of own.flat()) {
    const known = byTensor.get(one.tensor);
    if (known) known.push(one);
    else byTensor.set(one.tensor, [one]);
  }
  const wholes = new Map<number, readonly Range[]>();
  for (const [tensor, parts] of byTensor) {
    const joined = joinedRanges(schedule, parts, limits);
    if (!joined) return null;
    wholes.set(tensor, joined);
  }
  const ranges = [...wholes.values()].flat();
  const spans = ranges.length > limits.maxStorageBuffers ? spansOf(schedule, ranges, limits) : [];
  if (bindingCount(ranges.length, spans) > limits.maxStorageBuffers) return null;
  const numbers = new Map(ranges.map((range, buffer) => [range, buffer]));
  const placeOf = ({ tensor, start, end }: Range) => {
    const whole = wholes.get(tensor)!.find((range) => range.start <= start && end <= range.end)!;
    return { buffer: numbers.get(whole)!, start: start - whole.start };
  };
  return {
    parts: steps.map(({ kernel }, p) => ({ kernel: kernels[kernel], places: own[p].map(placeOf) })),
    buffers: ranges.map(({ tensor, access, start, end }) => ({
      dtype: tensors[tensor].dtype,
      access,
      elements: end - start,
    })),
    ...(spans.length > 0 ? { spans } : {}),
    operands: ranges.map(({ tensor }) => tensor),
    offsets: ranges.map(({ start }) => start),
  };
}

/** Ranges of one tensor, those that overlap as one; null where that cannot be. */
function joinedRanges(
  { tensors }: AllocatedSchedule,
  parts: readonly Range[],
  { maxBindingBytes }: BindingLimits,
): readonly Range[] | null {
  const joined: Range[] = [];
  for (const one of parts.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (!last || last.end <= one.start) {
      joined.push(one);
      continue;
    }
    if (last.access !== one.access || one.access === 'read_write') return null;
    const end = Math.max(last.end, one.end);
    const vectors = last.vectors || one.vectors;
    joined[joined.length - 1] = { ...last, end, vectors };
    if (last.start === one.start && last.end === one.end) continue;
    const length = end - last.start;
    const fits = storedBytes(tensors[one.tensor].dtype, length) <= maxBindingBytes;
    if (length % UNIT !== 0 || !fits) return null;
  }
  return joined;
}

/**
 * Buffers that lie one behind the other, as many as a binding holds and one type is of, share it: then parts of equal kernels are the
 * same code but for where they are. A binding is an array of numbers or of vectors of four. Several invocations cannot store numbers of one vector,
 * so what is stored by single numbers and what is accessed by vectors lie in different bindings.
 */
function spansOf(
  { tensors, placements }: AllocatedSchedule,
  ranges: readonly Range[],
  { maxBindingBytes }: BindingLimits,
): Span[] {
  const lying = ranges.map(({ tensor, start, end, vectors, singles }, buffer) => {
    const { slab, offset } = placements[tensor];
    const { dtype } = tensors[tensor];
    const at = (element: number) => offset + storedBytes(dtype, element);
    return { buffer, slab: slab!, dtype, start: at(start), end: at(end), vectors, singles };
  });
  lying.sort((a, b) => a.slab - b.slab || a.start - b.start);
  const runs: (typeof lying)[] = [];
  let [vectors, singles] = [false, false];
  for (const one of lying) {
    const run = runs.at(-1);
    const [first] = run ?? [];
    vectors ||= one.vectors;
    singles ||= one.singles;
    const joins =
      first?.slab === one.slab &&
      first.dtype === one.dtype &&
      Math.ceil((one.end - first.start) / SPAN_UNIT_BYTES) * SPAN_UNIT_BYTES <= maxBindingBytes &&
      !(vectors && singles);
    if (joins) {
      run!.push(one);
      continue;
    }
    runs.push([one]);
    ({ vectors, singles } = one);
  }
  return runs
    .filter(({ length }) => length > 1)
    .map((run) =>
      run.map(({ buffer, start, dtype }) => ({
        buffer,
        start: (start - run[0].start) / STORAGE_TYPES[dtype].bytes,
      })),
    );
}

/** Whether a step may be a part at all: it has no working memory of its own in a tensor. */
export function canBePart(kernel: Kernel): boolean {
  return kernel.parts === undefined && workingMemory(kernel).length === 0;
}
