import { DTYPES, type TensorArray, valueType } from '../ir/dtypes.ts';
import type { Plan, PlanProgram, PlanTensor } from '../ir/plan.ts';
import { elementCount } from '../ir/tensor.ts';
import type { Tracer } from './tracer.ts';

/** Elements of a tensor on the host, row-major: Float32Array for f32, Int32Array for i32. */
export type TensorData = TensorArray;

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
  /** What `run` tells its times; null where none are wanted. */
  readonly tracer: Tracer | null;
  /** Copies host data into an input; it is visible to every later `run`. */
  write(tensor: PlanTensor, data: TensorData): void;
  /** Replaces persistent tensors, all or none. */
  restore(values: ReadonlyMap<PlanTensor, TensorData>): Promise<void>;
  /**
   * Runs all steps of a program once and gives copies of `outputs`; without any it need not wait for the device. After an
   * error the persistent tensors are what they were before, where the plan has transfers or snapshots are kept.
   */
  run(program: PlanProgram, outputs: readonly PlanTensor[]): Promise<TensorData[]>;
  /** Copies persistent tensors to fresh host arrays; without any it waits for the device. */
  read(tensors: readonly PlanTensor[]): Promise<TensorData[]>;
  /** Frees device memory and host stores; every later call is an error. */
  destroy(): void;
}

/** A fresh array for the elements of a tensor, with its bytes. */
export function emptyData({ dtype, shape }: PlanTensor): { data: TensorData; bytes: Uint8Array } {
  const data = new DTYPES[valueType(dtype)].array(elementCount(shape));
  return { data, bytes: bytesOf(data) };
}

export function bytesOf({ buffer, byteOffset, byteLength }: TensorData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
