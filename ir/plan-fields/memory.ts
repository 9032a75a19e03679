import { type Infer, named, nullable, object } from '../form.ts';
import { BYTE_BOUNDS, type PlanByteBounds } from './bound.ts';
import { BYTES, NAME } from './scalars.ts';

/** Host memory by what it is for, in bytes. What a caller gives or gets (inputs, outputs, checkpoints) is the caller's. */
export interface HostMemory extends Infer<typeof HOST_MEMORY> {}
export const HOST_MEMORY = object({
  /** Slots of tier `memory` that hold parameters, states and optimiser state. */
  homeBytes: BYTES,
  /** The same of copies of those on the device, from which a failed run is undone. */
  snapshotBytes: BYTES,
  /** The other slots of tier `memory`: values of one run. */
  valueBytes: BYTES,
  /** Buffers that files are read ahead into. */
  readingBytes: BYTES,
  /** Buffers that files are written from. */
  writingBytes: BYTES,
});

/** How arena tensors got their offsets. For inspection; the runtime does not read it. */
export interface PlanPacking extends Infer<typeof PACKING> {}
export const PACKING = object({
  /** What placed the tensors of the program that takes most: `skyline/edge`, `size/first-fit+repair`. */
  method: NAME,
  /** `arenaBytes` less `peakLiveBytes`, which no offsets can go below: 0 is proof that none take less. */
  gapBytes: BYTES,
});

/** The totals of the plan, all in bytes. */
export interface PlanMemory extends Infer<typeof MEMORY> {}
export const MEMORY = object(
  {
    /** The budget given to the compiler, or null for none; `deviceBytes` is at most this. */
    budgetBytes: nullable(BYTES),
    /** Everything the runtime allocates on the device: the slabs plus staging. */
    deviceBytes: BYTES,
    /** The part of the slabs that holds tensors with a limited life: the sum over slabs of its extent. */
    arenaBytes: BYTES,
    /** Parameters, states and optimiser state, alignment included. */
    persistentBytes: BYTES,
    /** Buffers that outputs and swapped tensors are read back through, and that inputs go up through; 0 on wasm. */
    stagingBytes: BYTES,
    /** All host memory that the runtime holds: the sum of `host`. */
    hostBytes: BYTES,
    /** The host memory by what it is for. */
    host: named<HostMemory>(HOST_MEMORY),
    /** Host memory that the option `snapshots` of `load` adds; 0 where the plan keeps them anyway. */
    snapshotOptionBytes: BYTES,
    /** The spill file: the extent of the slots of tier `file`, all copies counted. */
    spillBytes: BYTES,
    /** Largest sum, over all steps of all programs, of the bytes of live arena tensors, alignment included. */
    peakLiveBytes: BYTES,
    /** How arena tensors got their offsets. */
    packing: named<PlanPacking>(PACKING),
  },
  {
    /** What the bytes are above what no plan can go below. */
    bounds: named<PlanByteBounds>(BYTE_BOUNDS),
  },
);

/** One device buffer (webgpu) or range of the linear memory (wasm). */
export interface Slab extends Infer<typeof SLAB> {}
export const SLAB = object({
  /** Its size. */
  bytes: BYTES,
});
