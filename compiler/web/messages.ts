import type { Plan, Target } from '../../ir/plan.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { CompileProgress } from '../driver/progress.ts';
import type { CompileOptions } from '../driver/result.ts';
import type { BudgetRange, Sweep } from '../driver/sweep.ts';
import type { SourceFiles } from './modules.ts';

/** What is asked of the worker: plain data. */
export interface SourceJob {
  readonly files: SourceFiles;
  readonly entry: string;
  readonly targets: readonly Target[];
  /** Instead of plans: what the model costs within so many budgets, for the first target. */
  readonly sweepPoints?: number;
  /** Beside plans: between which budgets there is something to choose, for the first target. */
  readonly range?: boolean;
  readonly options: Omit<CompileOptions, 'target' | 'onProgress' | 'printAfter'>;
}

/** What came of a model's source: in the forms that `load` of the runtime takes. */
export interface CompiledSource {
  /** By target; those that could not be planned are absent. Empty where there is an error among the diagnostics. */
  readonly plans: { readonly [Name in Target]?: Plan };
  /** wasm: the module that holds the kernels. */
  readonly module: Uint8Array<ArrayBuffer> | null;
  /** Initial values, a safetensors file; null where there is no plan. */
  readonly parameters: Uint8Array<ArrayBuffer> | null;
  /** Those of one build, each at the user's line and column. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What a model costs within less and less memory. */
export interface SweptSource {
  /** From the smallest feasible budget to none; null where there is an error among the diagnostics. */
  readonly sweep: Sweep | null;
  readonly diagnostics: readonly Diagnostic[];
}

export type SourceMessage =
  | { readonly kind: 'progress'; readonly target: Target; readonly progress: CompileProgress }
  | { readonly kind: 'built'; readonly built: CompiledSource | SweptSource }
  /** Follows what was built, often; the last one is final, or null where there is none. */
  | { readonly kind: 'range'; readonly range: BudgetRange | null }
  /** btc itself failed. */
  | { readonly kind: 'defect'; readonly error: string };
