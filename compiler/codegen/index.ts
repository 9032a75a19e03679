import type { Kernel } from '../../ir/kernel.ts';
import type { Plan, PlanLevers, Target, WasmModule } from '../../ir/plan.ts';
import { SLAB_ALIGNMENT, verifyPlan } from '../../ir/plan-verify.ts';
import type { AllocatedSchedule, TargetLimits } from '../../ir/schedule.ts';
import type { RecordedContraction } from '../contract/record.ts';
import { assemblePlan, type EmittedKernel } from './plan.ts';
import { emitWgsl } from './wgsl/index.ts';

export interface GenerationOptions {
  readonly target: Target;
  readonly limits: TargetLimits;
  readonly budgetBytes: number | null;
  /** `btc-compiler 0.1.0` */
  readonly producer: string;
  /** What decided about values that come again. */
  readonly levers?: PlanLevers;
  /** By name of a parameter or state, the number that all its elements start with, or null. */
  readonly initial?: ReadonlyMap<string, number | null>;
  /** Per program, the orders of its contractions. */
  readonly contractions?: readonly (readonly RecordedContraction[])[];
  /** Adds to the plan, before it is verified, what each kernel should take. */
  readonly predict?: (plan: Plan, kernels: readonly Kernel[]) => Plan;
}

/** A plan, and for the wasm target the module that it names. */
export interface GeneratedPlan {
  readonly plan: Plan;
  readonly module: Uint8Array | null;
}

/** Writes the code of every kernel and puts the plan together. It has passed the verifier that a runtime applies to a stranger's. */
export async function generatePlan(
  schedule: AllocatedSchedule,
  options: GenerationOptions,
): Promise<GeneratedPlan> {
  const { emitted, module, wasmModule } =
    options.target === 'webgpu'
      ? {
          emitted: schedule.kernels.map((kernel) => emitWgsl(kernel, options.limits)),
          module: null,
          wasmModule: null,
        }
      : await wasmCode(schedule);
  const assembled = assemblePlan(schedule, {
    ...options,
    emitted,
    ...(wasmModule ? { wasmModule } : {}),
  });
  const plan = options.predict?.(assembled, schedule.kernels) ?? assembled;
  const [problem] = verifyPlan(plan);
  if (problem) throw new Error(`internal error: the plan is not valid: ${problem}`);
  return { plan, module };
}

async function wasmCode(
  schedule: AllocatedSchedule,
): Promise<{ emitted: EmittedKernel[]; module: Uint8Array; wasmModule: WasmModule }> {
  const bytes = schedule.slabs.reduce((sum, slab) => sum + slab.bytes, 0);
  const pages = bytes / SLAB_ALIGNMENT.wasm;
  // The assembler is large: only builds for wasm load it.
  const { emitWasm } = await import('./wasm/index.ts');
  const { module, exports } = await emitWasm(schedule.kernels, pages);
  const digest = await crypto.subtle.digest('SHA-256', module as Uint8Array<ArrayBuffer>);
  const sha256 = [...new Uint8Array(digest)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  return {
    emitted: exports.map((name) => ({ export: name, grid: [1, 1, 1] })),
    module,
    wasmModule: { file: `${schedule.name}.wasm`, bytes: module.length, sha256, pages },
  };
}
