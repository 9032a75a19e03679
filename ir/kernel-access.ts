import type { Kernel, Store } from './kernel.ts';
import { addressRange, affineRange, axisRanges, loadRange } from './kernel-addresses.ts';
import { type GroupKernel, isGroup } from './kernel-group.ts';
import { isStaged, partList, splitStages, workingMemory } from './kernel-stage.ts';

/** Elements `start` to before `end` of a buffer. */
export interface ElementRange {
  readonly start: number;
  readonly end: number;
}

export interface WrittenRange extends ElementRange {
  /** What the store fills of the range; null where that depends on data, or is added to what was there. */
  readonly pattern: Pattern | null;
  /** To write the same once more makes a difference. */
  readonly accumulates: boolean;
}

/** Runs of `length` elements, one per combination of the digits, from the first element of a range on. */
export interface Pattern {
  readonly length: number;
  readonly digits: readonly Digit[];
}

interface Digit {
  readonly stride: number;
  readonly extent: number;
}

/** What one run of a kernel touches of one of its buffers. */
export interface BufferAccess {
  /** Holds all that is loaded or added to; null where nothing is. */
  readonly read: ElementRange | null;
  /** One range per store, in their order. */
  readonly written: readonly WrittenRange[];
  /** It is working memory, or gives its memory to the array of a stage: what it holds afterwards is nobody's value. */
  readonly isScratch: boolean;
}

const known = new WeakMap<Kernel, readonly BufferAccess[]>();

/** What a valid kernel touches, by buffer. Derived once per kernel object. */
export function kernelAccess(kernel: Kernel): readonly BufferAccess[] {
  let access = known.get(kernel);
  if (!access) {
    access = deriveAccess(kernel);
    known.set(kernel, access);
  }
  return access;
}

/** Of a buffer that parts share: all that they read, and what each stores. */
function groupAccess({ buffers, parts }: GroupKernel): BufferAccess[] {
  const joined = buffers.map(() => ({
    read: null as ElementRange | null,
    written: [] as WrittenRange[],
    isScratch: false,
  }));
  for (const { kernel, places } of parts)
    kernelAccess(kernel).forEach(({ read, written }, b) => {
      const { buffer, start } = places[b];
      const moved = <Range extends ElementRange>(range: Range): Range => ({
        ...range,
        start: range.start + start,
        end: range.end + start,
      });
      const whole = joined[buffer];
      if (read) {
        const { start: from, end: to } = moved(read);
        whole.read = {
          start: Math.min(from, whole.read?.start ?? from),
          end: Math.max(to, whole.read?.end ?? to),
        };
      }
      whole.written.push(...written.map(moved));
    });
  return joined;
}

function deriveAccess(kernel: Kernel): BufferAccess[] {
  if (isGroup(kernel)) return groupAccess(kernel);
  const low = kernel.buffers.map(() => Number.POSITIVE_INFINITY);
  const high = kernel.buffers.map(() => Number.NEGATIVE_INFINITY);
  const written = kernel.buffers.map((): WrittenRange[] => []);
  const read = (buffer: number, from: number, to: number) => {
    if (from > to) return;
    low[buffer] = Math.min(low[buffer], from);
    high[buffer] = Math.max(high[buffer], to);
  };
  for (const part of isStaged(kernel) ? partList(splitStages(kernel)) : [kernel]) {
    const axes = axisRanges(part);
    for (const node of part.nodes) {
      if (node.kind !== 'load') continue;
      const range = loadRange(part, node.index, node.bounds);
      if (range.low > range.high) continue;
      const { low: from, high: to } = addressRange(range, node.indirect);
      if (node.buffer < kernel.buffers.length) read(node.buffer, from, to);
    }
    for (const store of part.stores) {
      const { low: from, high: to } = addressRange(affineRange(store.index, axes), store.indirect);
      if (store.accumulate) read(store.buffer, from, to);
      written[store.buffer]?.push({
        start: from,
        end: to + 1,
        pattern: patternOf(part, store),
        accumulates: store.accumulate,
      });
    }
  }
  const scratch = workingMemory(kernel);
  return kernel.buffers.map((_, b) => ({
    read: low[b] <= high[b] ? { start: low[b], end: high[b] + 1 } : null,
    written: written[b],
    isScratch: scratch.includes(b),
  }));
}

/** Sorted by stride, digits join the run as long as they leave no gap between what it fills so far. */
function patternOf(
  { axes }: Pick<Kernel, 'axes'>,
  { index: { coefficients }, indirect, accumulate }: Store,
): Pattern | null {
  if (indirect || accumulate) return null;
  const digits = axes.flatMap(({ extent }, axis) =>
    extent > 1 && coefficients[axis] !== 0
      ? [{ stride: Math.abs(coefficients[axis]), extent }]
      : [],
  );
  digits.sort((a, b) => a.stride - b.stride);
  let length = 1;
  let joined = 0;
  for (; joined < digits.length && digits[joined].stride <= length; joined++)
    length += digits[joined].stride * (digits[joined].extent - 1);
  return { length, digits: digits.slice(joined) };
}

/** The runs of elements that a store fills; null where nobody knows, or there are more than `most`. */
export function filledRuns({ start, pattern }: WrittenRange, most: number): ElementRange[] | null {
  if (!pattern) return null;
  const { length, digits } = pattern;
  if (digits.reduce((count, { extent }) => count * extent, 1) > most) return null;
  let starts = [start];
  for (const { stride, extent } of digits)
    starts = starts.flatMap((first) =>
      Array.from({ length: extent }, (_, i) => first + i * stride),
    );
  return starts.map((first) => ({ start: first, end: first + length }));
}
