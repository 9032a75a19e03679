import { IndexedHeap } from './heap.ts';

/**
 * The steps that may run next. `take` gives, of those whose transient bytes fit into the room there is, the one with
 * the least change of live bytes; where none fits, the one with the least transient bytes. Ties by `tie`.
 *
 * Steps that fit are in one heap, ordered by change; the others in a second, ordered by transient bytes. Room
 * comes and goes, so a step is moved only when it is met at the top of the wrong one.
 */
export class ReadySteps {
  private readonly transient: Float64Array;
  private readonly change: Float64Array;
  private readonly tie: Float64Array;
  private readonly fitting: IndexedHeap;
  private readonly waiting: IndexedHeap;

  constructor(stepCount: number) {
    const transient = new Float64Array(stepCount);
    const change = new Float64Array(stepCount);
    const tie = new Float64Array(stepCount);
    this.transient = transient;
    this.change = change;
    this.tie = tie;
    this.fitting = new IndexedHeap(
      stepCount,
      (a, b) => change[a] - change[b] || tie[a] - tie[b] || a - b,
    );
    this.waiting = new IndexedHeap(
      stepCount,
      (a, b) => transient[a] - transient[b] || change[a] - change[b] || tie[a] - tie[b] || a - b,
    );
  }

  has(step: number): boolean {
    return this.fitting.has(step) || this.waiting.has(step);
  }

  add(step: number, transient: number, change: number, tie: number): void {
    this.transient[step] = transient;
    this.change[step] = change;
    this.tie[step] = tie;
    this.fitting.push(step);
  }

  update(step: number, transient: number, change: number): void {
    this.fitting.remove(step);
    this.waiting.remove(step);
    this.add(step, transient, change, this.tie[step]);
  }

  /** Removes and returns the best step for `room` more bytes. There must be a step. */
  take(room: number): { readonly step: number; readonly transient: number } {
    const { fitting, waiting, transient } = this;
    while (waiting.size > 0 && transient[waiting.top()] <= room) fitting.push(waiting.pop());
    while (fitting.size > 0 && transient[fitting.top()] > room) waiting.push(fitting.pop());
    const step = fitting.size > 0 ? fitting.pop() : waiting.pop();
    return { step, transient: transient[step] };
  }
}
