import type { Affine, Kernel, Store } from './kernel.ts';
import { addressRange, affineRange, axisRanges, loadRange } from './kernel-addresses.ts';
import { isStaged, splitStage } from './kernel-stage.ts';

/** Elements `start` to before `end` of a buffer. */
export interface ElementRange {
  readonly start: number;
  readonly end: number;
}

export interface WrittenRange extends ElementRange {
  /** Every element of the range is written, whatever the buffers hold, and nothing is added to what was there. */
  readonly whole: boolean;
}

/** What one run of a kernel touches of one of its buffers. */
export interface BufferAccess {
  /** Holds all that is loaded or added to; null where nothing is. */
  readonly read: ElementRange | null;
  /** One range per store, in their order. */
  readonly written: readonly WrittenRange[];
  /** It gives its memory to the array of a stage: what it holds afterwards is nobody's value. */
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

function deriveAccess(kernel: Kernel): BufferAccess[] {
  const low = kernel.buffers.map(() => Number.POSITIVE_INFINITY);
  const high = kernel.buffers.map(() => Number.NEGATIVE_INFINITY);
  const written = kernel.buffers.map((): WrittenRange[] => []);
  const read = (buffer: number, from: number, to: number) => {
    if (from > to) return;
    low[buffer] = Math.min(low[buffer], from);
    high[buffer] = Math.max(high[buffer], to);
  };
  for (const part of isStaged(kernel) ? Object.values(splitStage(kernel)) : [kernel]) {
    const axes = axisRanges(part);
    for (const node of part.nodes) {
      if (node.kind !== 'load') continue;
      const range = loadRange(part, node.index, node.bounds);
      if (range.low > range.high) continue;
      const { low: from, high: to } = addressRange(range, node.indirect);
      read(node.buffer, from, to);
    }
    for (const store of part.stores) {
      const { low: from, high: to } = addressRange(affineRange(store.index, axes), store.indirect);
      if (store.accumulate) read(store.buffer, from, to);
      written[store.buffer]?.push({ start: from, end: to + 1, whole: isWhole(part, store) });
    }
  }
  const scratch = kernel.stage?.local.buffer ?? null;
  return kernel.buffers.map((_, b) => ({
    read: low[b] <= high[b] ? { start: low[b], end: high[b] + 1 } : null,
    written: written[b],
    isScratch: b === scratch,
  }));
}

/** Whether a store leaves out no element between its first and its last. */
function isWhole({ axes }: Pick<Kernel, 'axes'>, { index, indirect, accumulate }: Store): boolean {
  return !indirect && !accumulate && isDense(axes, index);
}

/** Sorted by stride, no stride may be longer than what the smaller ones fill without a gap. */
function isDense(axes: Kernel['axes'], { coefficients }: Affine): boolean {
  const digits = axes.flatMap(({ extent }, axis) =>
    extent > 1 && coefficients[axis] !== 0
      ? [{ stride: Math.abs(coefficients[axis]), reach: extent - 1 }]
      : [],
  );
  digits.sort((a, b) => a.stride - b.stride);
  let filled = 1;
  for (const { stride, reach } of digits) {
    if (stride > filled) return false;
    filled += stride * reach;
  }
  return true;
}
