import type { Plan, PlanProgram, PlanTensor } from '../ir/plan.ts';

export type TensorData = Float32Array | Int32Array;

/**
 * What a target must do for a session. The session owns names, shapes, defaults and ordering; an executor owns
 * memory and kernels. Everything is allocated when it is created; nothing is allocated by `run`.
 */
export interface Executor {
  readonly plan: Plan;
  /** `NVIDIA H100 (vulkan)`, `WebAssembly`: for people. */
  readonly description: string;
  /** Bytes really allocated on the device: equal to `plan.memory.deviceBytes`. */
  readonly allocatedBytes: number;
  /** Copies host data into a tensor; it is visible to every later `run` and `read`. */
  write(tensor: PlanTensor, data: TensorData): void;
  /** Runs all steps of a program once. */
  run(program: PlanProgram): void;
  /** Copies tensors to fresh host arrays, after everything enqueued before. */
  read(tensors: readonly PlanTensor[]): Promise<TensorData[]>;
  /** Frees device memory at once; every later call is an error. */
  destroy(): void;
}
