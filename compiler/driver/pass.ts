import type { Target } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import type { CodeModel } from '../codegen/code.ts';
import type { Objective } from '../contract/objective.ts';
import type { Precision } from '../frontend/precision.ts';
import type { traceModel } from '../frontend/trace.ts';
import type { GroupModel } from '../group/index.ts';
import type { StageModel } from '../lower/index.ts';
import type { TileChoice } from '../plan-search/actions/choices.ts';
import type { PassName } from './pass-names.ts';

/** What flows between passes, from the user's model to the plan. */
export type Representation =
  | 'model'
  | 'module'
  | 'loop nests'
  | 'schedule'
  | 'schedule in place'
  | 'allocated schedule'
  | 'code'
  | 'plan';

/** What all passes of one compilation may ask. */
export interface PassOptions {
  readonly target: Target;
  readonly limits: TargetLimits;
  /** What the order of contractions minimises. */
  readonly objective: Objective;
  readonly stages: StageModel;
  /** When wide intermediates are computed tile by tile; `auto` where it is absent. */
  readonly tiles?: TileChoice;
  /** How the code of a kernel is chosen. */
  readonly variants: CodeModel;
  /** How steps come to share dispatches; null where they do not. */
  readonly groups: GroupModel | null;
  readonly traceOf: typeof traceModel;
  /** Instead of what the model asks for. */
  readonly precision?: Precision;
  /** For who makes nothing of the results but words: they are not verified. A build finds a defect of btc as soon. */
  readonly isUnverified?: boolean;
  /** Called when a pass begins, but for those that a search tries. */
  readonly onPass?: (pass: PassName) => void;
}

/**
 * One pass of the compiler: a pure function from one representation to the same or the next. What it decides depends on its input, on the
 * options of the compilation, and on `knobs` alone: what a search turns between one try and the next.
 */
export interface Pass<From, To, Knobs> {
  /** As `--print-after` takes it. */
  readonly name: string;
  readonly from: Representation;
  readonly to: Representation;
  /** A search tries it in many ways and drops most of what it makes: that is verified only where it is chosen. */
  readonly tried?: true;
  /** One sentence for the documentation. */
  readonly summary: string;
  run(value: From, options: PassOptions, knobs: Knobs): To;
  /** The text form of what it made. */
  print(made: Awaited<To>): string;
  /** What is wrong with what it made, in sentences; empty where nothing is. */
  verify(made: Awaited<To>, options: PassOptions): readonly string[];
  /** The first difference in what input and result compute; null where there is none. For tests: it takes as long as other passes. */
  sameMeaning?(before: From, after: Awaited<To>): string | null;
}
