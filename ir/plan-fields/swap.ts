import { type Infer, list, named, nullable, object, oneOf, whole } from '../form.ts';
import { BYTES, INDEX, SECONDS } from './scalars.ts';

export const HOST_TIER = oneOf('memory', 'file');
/** `memory`: of the host process; `file`: a spill file (Node), the origin's private file system (browser). */
export type HostTier = Infer<typeof HOST_TIER>;

/** So many buffers of so many bytes each. */
export interface BufferSet extends Infer<typeof BUFFER_SET> {}
export const BUFFER_SET = object({
  /** How many. */
  buffers: whole(0, 64),
  /** Size of each, a multiple of 16. */
  bytes: BYTES,
});

/** A place outside device memory for one tensor. Slots that share bytes are never in use at the same time. */
export interface HostSlot extends Infer<typeof SLOT> {}
export const SLOT = object({
  /** Where it is. */
  tier: HOST_TIER,
  /** Byte offset in its tier, a multiple of 64. */
  offset: BYTES,
  /** Bytes of one copy of the tensor. */
  bytes: BYTES,
  /**
   * The tensor whose value it holds between runs: as the home slot of a host-resident tensor (policy `host`), or as its snapshot
   * (policy `persistent`), which the runtime takes. Null: it holds a value of one program for some steps.
   */
  tensor: nullable(INDEX),
  /**
   * 2 for the home slot or snapshot of a tensor that some program writes. The copies follow one another, each at a multiple of
   * 64. A run reads the one and writes the other, and from then on reads what it has written. The copies change
   * places when the run has finished.
   */
  copies: oneOf(1, 2),
});

/** How values are copied to the host and swapped in. */
export interface PlanSwap extends Infer<typeof SWAP> {}
export const SWAP = object({
  /** webgpu: buffers that tensors are copied out through, allocated once; tensors that are larger go in pieces. wasm: none. */
  staging: named<BufferSet>(BUFFER_SET),
  /** Host memory through which values from slots of tier `file` are swapped in, in pieces of so many bytes. */
  reading: named<BufferSet>(BUFFER_SET),
  /** webgpu: host memory through which values are copied out to slots of tier `file`. */
  writing: named<BufferSet>(BUFFER_SET),
  /** The places that transfers name, and those of snapshots. */
  slots: list(named<HostSlot>(SLOT)),
});

/**
 * A copy between a tensor and a host slot. `out`: after step `step`, the slot holds the tensor's value. `in`: before step
 * `step`, the tensor is written as a whole. A transfer counts as a use of its tensor at that step.
 */
export interface PlanTransfer extends Infer<typeof TRANSFER> {}
export const TRANSFER = object(
  {
    /** The direction: `out` to the host, or `in` to the device. */
    kind: oneOf('out', 'in'),
    /** Index into `tensors`. */
    tensor: INDEX,
    /** Index into the slots of the plan's `swap`. */
    slot: INDEX,
    /** Index into the program's `steps`. */
    step: INDEX,
  },
  {
    /** When it should begin by the plan's profile, from the begin of the first step's waiting; absent where there is none. For inspection. */
    startSeconds: SECONDS,
    /** What it should take by itself, whether computing goes on meanwhile or not; absent where there is no profile. For inspection. */
    seconds: SECONDS,
  },
);
