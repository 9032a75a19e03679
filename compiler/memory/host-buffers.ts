import { largest } from '../../ir/lists.ts';
import type { BufferSet } from '../../ir/plan.ts';
import { NO_BUFFERS } from '../../ir/plan-swap.ts';
import { alignUp } from '../liveness/lifetimes.ts';

/** What passes through host memory on its way from and to the spill file. */
export interface HostTraffic {
  /** Per list of reads that follow one another, their bytes. */
  readonly reads: readonly (readonly number[])[];
  /** Buffers that are written from, as large as is of use. */
  readonly written: BufferSet;
}

/** Buffers are multiples of this, and of {@link LEAST_BYTES} where the budget is small: a file is slow in smaller pieces. */
const UNIT = 16;
const LEAST_BYTES = 4096;
const MOST_READ_BYTES = 4 * 2 ** 20;
const MOST_READS = 8;

/** Buffers for the longest list of reads, at most 32 MiB in all. */
function wantedReading({ reads }: HostTraffic): BufferSet {
  const most = largest(reads.flat(), 0);
  if (most === 0) return NO_BUFFERS;
  const bytes = Math.min(MOST_READ_BYTES, alignUp(most, UNIT));
  const pieces = (list: readonly number[]) =>
    list.reduce((sum, size) => sum + Math.ceil(size / bytes), 0);
  return { buffers: Math.min(MOST_READS, largest(reads.map(pieces))), bytes };
}

/** One buffer of the least size. */
function floorOf({ buffers, bytes }: BufferSet): number {
  return buffers === 0 ? 0 : Math.min(bytes, LEAST_BYTES);
}

/** Least bytes that the buffers can do with. */
export function floorBytes(traffic: HostTraffic): number {
  return floorOf(wantedReading(traffic)) + floorOf(traffic.written);
}

/** Buffers that take at most `room` bytes together, but never less than {@link floorBytes}. */
export function sizeBuffers(
  traffic: HostTraffic,
  room: number,
): { readonly reading: BufferSet; readonly writing: BufferSet } {
  const wanted = wantedReading(traffic);
  const { written } = traffic;
  const share = Math.max(room / 2, room - wanted.buffers * wanted.bytes);
  const writing = within(written, Math.min(share, room - floorOf(wanted)));
  const left = room - writing.buffers * writing.bytes;
  const reading = within(wanted, left);
  return { reading, writing };
}

/** Smaller buffers first, then fewer. */
function within(set: BufferSet, room: number): BufferSet {
  if (set.buffers === 0) return NO_BUFFERS;
  const share = Math.floor(room / set.buffers / UNIT) * UNIT;
  const bytes = Math.min(set.bytes, Math.max(floorOf(set), share));
  return { buffers: Math.max(1, Math.min(set.buffers, Math.floor(room / bytes))), bytes };
}
