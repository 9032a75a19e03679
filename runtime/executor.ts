import { DTYPES, isDType, type TensorArray, valueType } from '../ir/dtypes.ts';
import type { Plan, PlanProgram, PlanTensor } from '../ir/plan.ts';
import { elementCount } from '../ir/tensor.ts';
import type { GpuBuffer, GpuBufferRange } from './gpu-types.ts';
import type { Tracer } from './tracer.ts';

/** Elements of a tensor on the host, row-major: Float32Array for f32, Int32Array for i32. */
export type TensorData = TensorArray;

/** Where a tensor lies in a buffer of the device. */
export type DeviceRange = Required<GpuBufferRange<GpuBuffer>>;

/** The elements of a tensor: on the host, or in a buffer of the caller's that was checked. */
export type Value = TensorData | DeviceRange;

/** An output that is wanted. `into`: an array or a buffer of the caller's; `device`: it stays where it is; null: a fresh array. */
export interface Wanted {
  readonly tensor: PlanTensor;
  readonly into: Value | 'device' | null;
}

/** What becomes of a run that has been handed over. */
export interface Handed {
  /** In the order in which they were wanted. */
  readonly outputs: Promise<Value[]>;
}

/** What a buffer of the caller's is used for. */
export type BufferUse = 'input' | 'output';

/**
 * What a target must do for a session. The session owns names, shapes, defaults and the order of calls, of which one at a
 * time is under way; an executor owns memory and kernels. Device memory is allocated when it is created, none by `run`.
 */
export interface Executor {
  readonly plan: Plan;
  /** `NVIDIA H100 (vulkan)`, `WebAssembly`: for people. */
  readonly description: string;
  /** Bytes really allocated on the device: equal to `plan.memory.deviceBytes`. */
  readonly allocatedBytes: number;
  /** Bytes of host memory that are held for swapped values and snapshots. */
  readonly hostBytes: number;
  /**
   * What `run` tells its times; null where none are wanted.
   *
   * @internal
   */
  readonly tracer: Tracer | null;
  /** Checks a buffer that a caller gives for a tensor. Null where the target has no buffers. Error: `invalid-buffer`. */
  readonly rangeOf:
    | ((given: GpuBufferRange, tensor: PlanTensor, use: BufferUse, what: string) => DeviceRange)
    | null;
  /** Copies an input; it is visible to every later `run`, and what it was copied from need not stay. */
  write(tensor: PlanTensor, value: Value): void;
  /** Replaces persistent tensors, all or none. The arrays are what memory holds of them. */
  restore(values: ReadonlyMap<PlanTensor, TensorData>): Promise<void>;
  /**
   * Runs all steps of a program once. It resolves when the next call may be made: where nothing has to be waited for, that is
   * before the device has done it. After an error the persistent tensors are what they were before, where the plan has transfers
   * or snapshots are kept.
   */
  run(program: PlanProgram, outputs: readonly Wanted[]): Promise<Handed>;
  /** Copies what memory holds of persistent tensors to fresh host arrays; without any it waits for the device. */
  read(tensors: readonly PlanTensor[]): Promise<TensorData[]>;
  /** Frees device memory and host stores; every later call is an error. */
  destroy(): void;
}

/**
 * A fresh array for what memory holds of a tensor, with its bytes: its elements, or where they are held in fewer bytes words of them,
 * as `fromHeld` of held.ts takes them.
 */
export function heldData(tensor: PlanTensor): { data: TensorData; bytes: Uint8Array } {
  if (isDType(tensor.dtype)) return emptyData(tensor);
  const data = new Int32Array(tensor.bytes / Int32Array.BYTES_PER_ELEMENT);
  return { data, bytes: bytesOf(data) };
}

/** A fresh array for the elements of a tensor, with its bytes. */
export function emptyData({ dtype, shape }: Pick<PlanTensor, 'dtype' | 'shape'>): {
  data: TensorData;
  bytes: Uint8Array;
} {
  const data = new DTYPES[valueType(dtype)].array(elementCount(shape));
  return { data, bytes: bytesOf(data) };
}

/** The array that a wanted output is read into, with its bytes. */
export function targetOf({ tensor, into }: Wanted): { data: TensorData; bytes: Uint8Array } {
  if (!ArrayBuffer.isView(into)) return heldData(tensor);
  return { data: into, bytes: bytesOf(into) };
}

export function bytesOf({ buffer, byteOffset, byteLength }: TensorData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
