import type { Kernel } from '../../ir/kernel.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import type { CodeModel, CodeOptions, GeneratedCode } from '../codegen/code.ts';
import type { KernelWork } from '../codegen/work.ts';
import type { Objective } from '../contract/objective.ts';
import type { LimitName } from '../profile/device-limits.ts';
import type { DeviceProfile } from '../profile/profile.ts';

/** What the compiler must know of a target, beyond what a plan's format says of it (`TARGET_RULES`). */
export interface TargetRow {
  /** Of a device that nothing is known of. */
  readonly limits: TargetLimits;
  /** Whose those are, for messages. */
  readonly defaultLimits: string;
  /** What the device's interface calls limits; null where it has none. */
  readonly limitNames: Readonly<Record<LimitName, string>> | null;
  /** The code of kernels. */
  readonly emit: (kernels: readonly Kernel[], options: CodeOptions) => Promise<GeneratedCode>;
  /** What the code of a kernel does in one run, in the variant that the model chooses. */
  readonly work: (kernel: Kernel, limits: TargetLimits, model: CodeModel) => KernelWork;
  /** Kernels as the parts of one; null where there are no dispatches to save. */
  readonly dispatches: SharedDispatches | null;
  /** Time of one run of a kernel, in any unit: for choices between kernels. Null: what the profile predicts. */
  readonly time: ((kernel: Kernel) => number) | null;
  /** Numbers of four bytes that the code of a kernel wants as working memory; 0 where it wants none. */
  readonly scratch: (kernel: Kernel) => number;
  /** Whether the array of a stage takes its memory from a tensor that lives in one step, for want of workgroup memory. */
  readonly stageNeedsHolder: boolean;
  /** Elements of the arrays of a tile that one invocation can compute alone; 0 where it cannot. */
  readonly privateElements: number;
  /** Operations of a multiply-add in a kernel that computes them alone, at least. */
  readonly privateMultiplyAdd: number;
  /** What the order of contractions minimises: time by its roofline. */
  readonly objective: Objective;
  /** What a build goes by where no profile is given. */
  readonly profile: DeviceProfile;
  /** Numbers that one plain operation of a kernel's code is of. */
  readonly operationWidth: number;
  /** Whether plans run on one of several adapters, each with its own rates. */
  readonly hasAdapters: boolean;
  /** Whether kernels run in workgroups, so that a profile has rates of these. */
  readonly hasWorkgroups: boolean;
  /** Whether transfers go on while kernels run. */
  readonly overlaps: boolean;
}

/** What is known of kernels that are to share a dispatch, in the variants that the model chooses. */
export interface SharedDispatches {
  /** Whether kernels that do not depend on each other can be the parts of one. */
  readonly shares: (kernels: readonly Kernel[], limits: TargetLimits, model: CodeModel) => boolean;
  /** By buffer of a kernel: whether its code accesses it as vectors of four. */
  readonly vectors: (kernel: Kernel, limits: TargetLimits, model: CodeModel) => readonly boolean[];
}
