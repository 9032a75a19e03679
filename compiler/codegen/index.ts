import type { TensorArray } from '../../ir/dtypes.ts';
import type { Kernel } from '../../ir/kernel.ts';
import type { Plan, PlanActions, PlanMicroBatches, Target } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import type { AllocatedSchedule, ScheduleContraction, TargetLimits } from '../../ir/schedule.ts';
import { TARGETS } from '../targets/index.ts';
import type { CodeModel, GeneratedCode } from './code.ts';
import { assemblePlan } from './plan.ts';

export interface GenerationOptions {
  readonly target: Target;
  readonly limits: TargetLimits;
  /** How to choose between variants of kernels. */
  readonly variants: CodeModel;
  readonly budgetBytes: number | null;
  /** `btc-compiler 0.1.0` */
  readonly producer: string;
  /** The strategies of the memory actions. */
  readonly actions?: PlanActions;
  /** By name of a parameter or state, the number that all its elements start with, or null. */
  readonly initial?: ReadonlyMap<string, number | null>;
  /** By name of a constant, its elements. */
  readonly data?: ReadonlyMap<string, TensorArray>;
  /** Per program, the orders of its contractions. */
  readonly contractions?: readonly (readonly ScheduleContraction[])[];
  /** Actions on the graph that were taken. */
  readonly graphActions?: readonly string[];
  readonly microBatches?: PlanMicroBatches;
  /** Adds to the plan, before it is verified, what each kernel should take. */
  readonly predict?: (plan: Plan, kernels: readonly Kernel[]) => Plan;
}

/** A plan, and for the wasm target the module that it names. */
export interface GeneratedPlan {
  readonly plan: Plan;
  readonly module: Uint8Array | null;
}

/** What a plan holds beside its schedule and code. */
export type AssemblyOptions = Omit<GenerationOptions, 'target' | 'limits' | 'variants'>;

/** Puts the schedule, its places and its code together. */
export function assemble(
  schedule: AllocatedSchedule,
  code: GeneratedCode,
  options: Omit<GenerationOptions, 'variants'>,
): GeneratedPlan {
  const wasmModule = code.module && { ...code.module, file: `${schedule.name}.wasm` };
  const assembled = assemblePlan(schedule, {
    ...options,
    emitted: code.emitted,
    ...(wasmModule ? { wasmModule } : {}),
  });
  return {
    plan: options.predict?.(assembled, schedule.kernels) ?? assembled,
    module: code.binary,
  };
}

/** Writes the code of every kernel and puts the plan together. It has passed the verifier that a runtime applies to a stranger's. */
export async function generatePlan(
  schedule: AllocatedSchedule,
  options: GenerationOptions,
): Promise<GeneratedPlan> {
  const { target, limits, variants } = options;
  const slabBytes = schedule.slabs.reduce((sum, slab) => sum + slab.bytes, 0);
  const code = await TARGETS[target].emit(schedule.kernels, { limits, slabBytes, variants });
  const generated = assemble(schedule, code, options);
  const [problem] = verifyPlan(generated.plan);
  if (problem) throw new Error(`internal error: the plan is not valid: ${problem}`);
  return generated;
}
