import type { Plan, Target } from '../../ir/plan.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { Model } from '../frontend/model.ts';
import type { OptionValue } from '../frontend/option.ts';
import type { Precision } from '../frontend/precision.ts';
import type {
  HalfActivations,
  MicroBatches,
  RecomputeStrategy,
  SwapPolicy,
  TileChoice,
} from '../plan-search/actions/choices.ts';
import type { LimitsOption } from '../profile/limits-option.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import type { ProfileName } from '../profile/shipped.ts';
import type { Dispatches, Subgroups } from './dispatches.ts';
import type { PassName } from './pass-names.ts';
import type { CompileProgress } from './progress.ts';

/** Called with the text form of what a pass made. */
export type PassPrinter = (pass: PassName, text: string) => void;

/** A model, or a function that makes one (so that options can be set, and it can be called more than once). */
export type ModelSource = Model | (() => Model | Promise<Model>);

/** What one pass took over a compilation. */
export interface PassTiming {
  readonly pass: PassName;
  readonly runs: number;
  /** How often a result that was there already did. */
  readonly reused: number;
  /** Of all runs. */
  readonly seconds: number;
  /** Of the verification of what they made. */
  readonly verificationSeconds: number;
}

/** What {@link compile} compiles for. Sizes are bytes. A value that is not allowed is a diagnostic, not an exception. */
export interface CompileOptions {
  /** Default `webgpu`. */
  readonly target?: Target;
  /** Limit on the device memory of the plan, in bytes, everything counted. */
  readonly budgetBytes?: number;
  /**
   * What may be recomputed to keep the budget: nothing, by a strategy of SuperNeurons (`speed`, `memory`, `cost`, which apply
   * without a budget too), or per tensor what costs least (`auto`, the default). Results are the same to the bit.
   */
  readonly recompute?: RecomputeStrategy;
  /** What may be swapped to the host to keep the budget: nothing, by a policy of SuperNeurons, or what costs least (`auto`, the default). */
  readonly swap?: SwapPolicy;
  /**
   * Into how many equal parts the batch is cut, one computed after the other; gradients accumulate, and parameters move once per
   * run. `none` (the default) keeps it whole, a number cuts it, `auto` lets a budget decide. Sums are rounded in another order.
   */
  readonly microBatch?: MicroBatches;
  /**
   * `auto`: to keep a budget, activations that are kept for gradients may be stored as f16, in half of the bytes; `none` (the
   * default): they stay f32. Results change in the fourth digit or so. On WebGPU the plan then needs the feature `shader-f16`.
   */
  readonly half?: HalfActivations;
  /**
   * WebGPU: whether intermediates that are far larger than what they are made of, as the scores of attention are, stay out of memory,
   * and each kernel that reduces them computes them anew, tile by tile. `auto` (the default): where that is expected to cost at most a
   * quarter of their time, or where a budget asks for it; `always`; or `never`. Sums are rounded differently.
   */
  readonly tiles?: TileChoice;
  /** Instead of the `precision` of the model's training: see `Training`. `f16` on WebGPU needs the feature `shader-f16`. */
  readonly precision?: Precision;
  /** Whether batch norm may take its statistics from a micro-batch, which changes results; default false. */
  readonly microBatchNorm?: boolean;
  /**
   * `exact`: an integer program starts from the recomputations that the search has found for a budget, in programs that are small
   * enough and swap nothing. It needs the package `highs`. Default `heuristic`.
   */
  readonly solve?: 'heuristic' | 'exact';
  /**
   * Limit on the search for actions within a budget, in seconds of work at a nominal rate: so the plan is the same on every
   * machine. 0 takes the best plan that the portfolio finds. Default 10.
   */
  readonly planSeconds?: number;
  /** Limit on host memory for swapped tensors, in bytes; none by default. */
  readonly hostBudgetBytes?: number;
  /** Limit on the spill file, in bytes, for what the host budget has no room for; 0 by default. */
  readonly spillBudgetBytes?: number;
  /**
   * Rates of the device that the plan is for: as `btc profile` measures them, or those that come with the compiler by name.
   * Default `h100` for webgpu, `wasm` for wasm.
   */
  readonly profile?: DeviceProfile | ProfileName;
  /** Values of options that the model declares; the model must then be given as a function. */
  readonly set?: Readonly<Record<string, OptionValue>>;
  /**
   * Limits of the device that the plan is for: those that are not given are the target's default, which every device offers; or
   * those of a profile that comes with the compiler, by name. Default `default`.
   */
  readonly limits?: LimitsOption;
  /**
   * `shared` (the default): on a GPU, steps that do not depend on each other may run in one dispatch; `single`: each has its own.
   * Results and memory are the same.
   */
  readonly dispatches?: Dispatches;
  /**
   * WebGPU: `auto` (the default): where `limits` say how large the subgroups of the device are at least (`minSubgroupSize`), the
   * invocations of a workgroup may combine sums in subgroups, and the plan needs the feature `subgroups`; `never`: they do not.
   */
  readonly subgroups?: Subgroups;
  /**
   * WebGPU: where `limits` name products of matrices that the device's subgroups compute (`subgroupMatrices`), contractions may be made
   * of them, with sums of f32; the plan then needs the experimental feature `chromium-experimental-subgroup-matrix`. Default false.
   */
  readonly subgroupMatrix?: boolean;
  /**
   * What the order of contractions minimises: the target's time by a model of multiply-adds, bytes and dispatches, or plain
   * multiply-adds. Default `time`.
   */
  readonly contractions?: 'time' | 'macs';
  /** Called with what the compilation is at, often. */
  readonly onProgress?: (progress: CompileProgress) => void;
  /** Receives the text form of what every pass made, on the way to the plan that was chosen. */
  readonly printAfter?: PassPrinter;
}

/** A plan with what belongs to it, or nothing but diagnostics: `plan` is null when there is an error among them. */
export type CompileResult = CompiledPlan | FailedCompilation;

/** A finished plan with its code and initial parameters. */
export interface CompiledPlan {
  readonly plan: Plan;
  /** wasm: the module that holds the kernels; the plan knows its size and hash. */
  readonly module: Uint8Array | null;
  /** Initial values of parameters and of the model's states, as a safetensors file; the optimiser's state starts at zero. */
  readonly parameters: Uint8Array;
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
  /** What each pass took, in their order. */
  readonly timings: readonly PassTiming[];
}

/** What is left of a compilation with errors: its diagnostics, of which one or more is an error. */
export interface FailedCompilation {
  readonly plan: null;
  readonly module: null;
  readonly parameters: null;
  readonly diagnostics: readonly Diagnostic[];
}

/** A plan without initial values, or nothing but diagnostics. */
export type PlanResult =
  | (Omit<CompiledPlan, 'parameters'> & { readonly parameters: null })
  | FailedCompilation;
