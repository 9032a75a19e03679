// The plan: types, and what everyone who handles one needs. The form of every field stands in plan-fields/.

import type { TensorRole } from './plan-fields/tensor.ts';

export type { PlanBound, PlanByteBounds } from './plan-fields/bound.ts';
export type { HostMemory, PlanMemory, PlanPacking, Slab } from './plan-fields/memory.ts';
export type {
  PlanContraction,
  PlanInput,
  PlanOutput,
  PlanPrediction,
  PlanProgram,
  PlanStep,
  PlanStepPart,
} from './plan-fields/program.ts';
export type {
  CodeLimits,
  Plan,
  PlanActions,
  PlanFrame,
  PlanMatrix,
  PlanMicroBatches,
  PlanSource,
  WasmModule,
} from './plan-fields/root.ts';
export type {
  BufferSet,
  HostSlot,
  HostTier,
  PlanSwap,
  PlanTransfer,
} from './plan-fields/swap.ts';
export type {
  CopyOf,
  FlattenedAxis,
  LayerPart,
  ModelTensor,
  PieceOf,
  PlanBinding,
  PlanKernel,
  PlanTensor,
  SpanPlace,
  TensorPolicy,
  TensorRole,
} from './plan-fields/tensor.ts';
export { PLAN_FORMAT, PLAN_VERSION } from './plan-version.ts';
export type { Target } from './targets.ts';

/** Slots lie at multiples of this in their tier, and so do the copies of one slot. */
export const HOST_ALIGNMENT = 64;

/** Roles of tensors that all programs share and that live on between runs. */
export type PersistentRole = Extract<TensorRole, 'parameter' | 'state' | 'optimiser'>;

/** Whether tensors of a role are shared by all programs and live on between runs. */
export function isPersistent(role: TensorRole): role is PersistentRole {
  return role === 'parameter' || role === 'state' || role === 'optimiser';
}
