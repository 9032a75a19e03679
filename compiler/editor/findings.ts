import type { SourceSpan } from '../../ir/source.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { CheckedCode } from '../load/checked.ts';

// What the thread that runs models says of one: plain data. Places are where V8 reports calls; the server, which has the text, knows
// which expressions those are.

/** One model to look at. */
export interface EvaluationJob {
  readonly file: string;
  readonly code: CheckedCode;
}

/** All that is known of a model without planning it. */
export interface Findings {
  /** Whether the file's default export is a model. */
  readonly isModel: boolean;
  readonly diagnostics: readonly Diagnostic[];
  /** Whether some of them are of what comes behind the trace. */
  readonly hasLate: boolean;
  readonly places: readonly PlaceFacts[];
  readonly inputs: readonly InputFact[];
  /** Null where the trace ended early. */
  readonly model: ModelFacts | null;
}

/** What an expression of the user's makes, over all of its calls. */
export interface PlaceFacts {
  readonly place: SourceSpan;
  /** What its calls give: the first few that differ. */
  readonly values: readonly ValueFact[];
  /** How many values its calls give in all. */
  readonly count: number;
  /** What functions of the user's that it calls compute on the way; null for a call of btc's. */
  readonly inside: InsideFacts | null;
  readonly parameters: ParameterTotals;
  readonly firstParameters: readonly ParameterFact[];
}

/** A value of a program. */
export interface ValueFact {
  /** As in `stage4.block1/output`. */
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly programs: readonly string[];
  readonly kept: Kept;
}

/** Whether a value is held from the forward pass to the backward pass, as the graphs say; a budget may recompute or swap it. */
export type Kept =
  /** It is there before the program runs, and behind it. */
  | { readonly kind: 'given' }
  /** No program that has it trains. */
  | { readonly kind: 'untrained' }
  /** `readers` are gradients that read it: the first few of `count`. */
  | { readonly kind: 'kept'; readonly readers: readonly string[]; readonly count: number }
  | { readonly kind: 'let-go' }
  /** Behind simplification there is no such value. */
  | { readonly kind: 'folded' };

/** What is computed while a function of the user's runs. */
export interface InsideFacts {
  /** In the program where it makes most values. */
  readonly values: number;
  /** Of those that are kept for the backward pass. */
  readonly keptBytes: number;
}

export interface ParameterFact {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly role: 'parameter' | 'state';
  readonly totals: ParameterTotals;
}

/** Of one parameter, or of all that belong together. */
export interface ParameterTotals {
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
  readonly gradientBytes: number;
  readonly optimiserBytes: number;
}

export interface InputFact {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly programs: readonly string[];
}

export interface ModelFacts {
  readonly name: string;
  readonly place: SourceSpan | null;
  readonly parameters: ParameterTotals;
  readonly programs: readonly {
    readonly name: string;
    readonly trains: boolean;
    readonly values: number;
    readonly keptBytes: number;
  }[];
}

/** What the thread says of a job. */
export type EvaluationMessage =
  /** What is wrong with it: all, or before gradients are taken of what is without an error so far. */
  | {
      readonly kind: 'diagnosed';
      readonly id: number;
      readonly diagnostics: readonly Diagnostic[];
      readonly isWhole: boolean;
    }
  | { readonly kind: 'found'; readonly id: number; readonly findings: Findings }
  /** A newer text made it pointless. */
  | { readonly kind: 'cancelled'; readonly id: number }
  /** The model ends the thread. */
  | { readonly kind: 'ended'; readonly id: number; readonly problem: Diagnostic }
  /** btc itself failed. */
  | { readonly kind: 'defect'; readonly id: number; readonly text: string };

/** How a job comes to the thread. */
export interface EvaluationRequest {
  readonly id: number;
  readonly job: EvaluationJob;
}
