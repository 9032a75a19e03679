import type { Method } from '../decisions.ts';
import type { ContractionBound } from '../knobs.ts';
import type { SequenceModel } from '../sequence/model.ts';
import type { TransferCosts } from '../timeline.ts';

/** A choice that users have by an option of the build. */
export interface ActionOption {
  /** Of the API and, with two dashes, of the command line. */
  readonly name: string;
  readonly choices: readonly string[];
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

/** Changes how the contractions of a graph are done, so that their intermediates take less at once. */
export interface GraphAction extends ActionRow {
  readonly level: 'graph';
  /** The bound under which the graph's passes use this action: on the elements that the intermediates of one einsum take at once. */
  apply(elements: number): ContractionBound;
  /** Relative multiply-adds of a plan with it, of one without: what the action costs. */
  cost(macs: number, macsWithout: number): number;
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
