import type { DType } from '../../../ir/dtypes.ts';
import type { ParameterRole } from '../../../ir/graph.ts';

/** A mesh of devices with one axis, along which the batch is split. */
export interface Mesh {
  /** The name of its axis. */
  readonly axis: string;
  readonly size: number;
}

/** What is known of an argument beside its type. */
export interface ArgumentRecord {
  readonly name: string;
  /** An input of each run, or who assigns the tensor that outlives runs. */
  readonly role: 'input' | ParameterRole;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** What an input is where nobody gives it; null where it must be given. */
  readonly default: number | null;
  /** Whether the input counts runs: 0, 1, 2, … */
  readonly counter: boolean;
  /** The axis that the mesh splits; null where every device has all. */
  readonly split: number | null;
}

/** What is known of a result. */
export interface ResultRecord {
  readonly name: string;
  readonly role: 'output' | ParameterRole;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The argument that takes it in the next run; null of an output. */
  readonly argument: number | null;
}

/** What goes with the text, so that a runner need not guess. */
export interface StableHloManifest {
  readonly format: 'btc-stablehlo-1';
  readonly model: string;
  readonly program: string;
  /** By place in `@main`. */
  readonly arguments: readonly ArgumentRecord[];
  readonly results: readonly ResultRecord[];
  readonly mesh: Mesh | null;
}
