import type { Method } from '../decisions.ts';
import type { GraphKnobs } from '../knobs.ts';
import type { SequenceModel } from '../sequence/model.ts';
import type { TransferCosts } from '../transfer-costs.ts';

/** A choice that users have by an option of the build. */
export interface ActionOption {
  /** Of the API and, with two dashes, of the command line. */
  readonly name: string;
  readonly choices: readonly string[];
  /** Whether a whole number of 1 or more is a choice as well. */
  readonly takesCount?: true;
}

interface ActionRow {
  readonly name: string;
  /** Whether results are the same to the bit with it. */
  readonly exact: boolean;
  /** Null where a budget alone allows it. */
  readonly option: ActionOption | null;
  /** One sentence for the documentation. */
  readonly summary: string;
}

/** What a search may turn for a model. */
export interface GraphSpace {
  /** How many elements the intermediates of an einsum take at most at once; 0 where there are none. */
  readonly widest: number;
  /** Whether values are computed inside the memory of a concatenation. */
  readonly joins: boolean;
  /** Whether results of parts of reductions take memory that whole reductions would not. */
  readonly largeParts: boolean;
  /** Numbers of equal parts into which the batch may be cut, ascending; empty where the user does not allow it. */
  readonly microBatches: readonly number[];
  /** Whether the user allows activations to be stored as halves, and they are not so already. */
  readonly halves: boolean;
  /** Whether the user allows wide intermediates to be computed tile by tile, and some are in memory. */
  readonly tiles: boolean;
}

/** Changes how a graph is computed, so that its values take less at once. */
export interface GraphAction extends ActionRow {
  readonly level: 'graph';
  /** What a plan has where it is taken: `contractions in slices`. */
  readonly deed: string;
  /** The knobs of the graph's passes with which a search tries it, the mildest first; each changes those that it starts from. */
  tries(space: GraphSpace, knobs: GraphKnobs): readonly GraphKnobs[];
  /** Whether the passes take the action under these knobs. */
  taken(knobs: GraphKnobs): boolean;
}

/** What the walk over the steps lets an action do with a value that a step has touched. */
export interface Residency {
  /** Copies the value to the host, unless the host holds it as it is. */
  sendOut(value: number): void;
  /** Frees the device memory of the value. */
  evict(value: number): void;
}

/** Decides what becomes of a value between two of its uses. */
export interface ScheduleAction extends ActionRow {
  readonly level: 'schedule';
  /** What stands for it in decisions: its place in the table. */
  readonly method: Method;
  /** At the start of a gap with this action. Whether the value is swapped in or rematerialised follows from where it is then (apply.ts). */
  apply(residency: Residency, value: number): void;
  /** Seconds that it takes for a value at least; infinite where it is impossible. What it adds to a plan two simulations say. */
  leastSeconds(model: SequenceModel, costs: TransferCosts, value: number): number;
}
