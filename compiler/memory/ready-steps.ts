import { OrderedSteps } from './ordered-steps.ts';

/**
 * The steps that may run next. `take` gives, of those whose transient bytes fit into the room there is, the one with
 * the least change of live bytes; where none fits, the one with the least transient bytes. Ties by `tie`, which must
 * differ from step to step. Each call takes logarithmic time, however the room comes and goes.
 */
export class ReadySteps {
  private readonly transient: Float64Array;
  private readonly change: Float64Array;
  private readonly tie: Float64Array;
  /** By transient bytes; the best of a range is the one with the least change. */
  private readonly steps: OrderedSteps;

  constructor(stepCount: number) {
    const transient = new Float64Array(stepCount);
    const change = new Float64Array(stepCount);
    const tie = new Float64Array(stepCount);
    this.transient = transient;
    this.change = change;
    this.tie = tie;
    const byChange = (a: number, b: number) => change[a] - change[b] || tie[a] - tie[b];
    this.steps = new OrderedSteps(
      stepCount,
      (a, b) => transient[a] - transient[b] || byChange(a, b),
      byChange,
    );
  }

  /** How many nodes of the tree were visited so far. */
  get work(): number {
    return this.steps.visited;
  }

  has(step: number): boolean {
    return this.steps.has(step);
  }

  add(step: number, transient: number, change: number, tie: number): void {
    this.transient[step] = transient;
    this.change[step] = change;
    this.tie[step] = tie;
    this.steps.insert(step);
  }

  /** Nothing happens where the step has these costs already. */
  update(step: number, transient: number, change: number): void {
    if (this.transient[step] === transient && this.change[step] === change) return;
    this.steps.remove(step);
    this.add(step, transient, change, this.tie[step]);
  }

  /** Removes and returns the best step for `room` more bytes. There must be a step. */
  take(room: number): { readonly step: number; readonly transient: number } {
    const { steps, transient } = this;
    const fitting = steps.bestWhile((step) => transient[step] <= room);
    const step = fitting < 0 ? steps.first() : fitting;
    steps.remove(step);
    return { step, transient: transient[step] };
  }
}
