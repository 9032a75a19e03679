/** A copy between the device and a slot on the host. */
export interface SimulatedCopy {
  readonly kind: 'in' | 'out';
  readonly tensor: number;
  readonly slot: number;
  /** `in`: the step that it comes before; `out`: the one that it comes behind. */
  readonly step: number;
}

export interface SimulatedRun<Copy extends SimulatedCopy> {
  /** By step. */
  readonly seconds: ArrayLike<number>;
  /** The tensors that a step reads or writes. */
  touched(step: number): Iterable<number>;
  /** In the order in which they are issued. */
  readonly copies: readonly Copy[];
  /** Time of a copy by itself. */
  copySeconds(copy: Copy): number;
  /** Of a copy out, how long what one staging buffer holds of it takes; its whole time where it needs none. */
  pieceSeconds(copy: Copy): number;
  /** Part of a copy's time that the device can compute in, 0 to 1. */
  readonly overlap: number;
}

/** Is told when what happens in a simulated run begins, in seconds from the begin of the run. */
export interface RunObserver<Copy extends SimulatedCopy> {
  step(step: number, start: number): void;
  copy(copy: Copy, start: number): void;
}

/**
 * Seconds of a run event by event: the device computes, and copies in each direction are a queue of their own. A copy begins when it is
 * issued and the one before it is over, a copy in also not before its slot is written. A step waits for the copies of what it
 * touches. A copy out waits for one of two staging buffers, and the device with it. A run ends when everything has arrived.
 * `compiler/plan-search/sequence/simulation.ts` keeps the same clocks while a plan changes.
 */
export function simulateRun<Copy extends SimulatedCopy>(
  run: SimulatedRun<Copy>,
  observer?: RunObserver<Copy>,
): number {
  const { seconds, copies, overlap } = run;
  const before = new Map<number, Copy[]>();
  const behind = new Map<number, Copy[]>();
  for (const copy of copies) {
    const lists = copy.kind === 'in' ? before : behind;
    const list = lists.get(copy.step);
    if (list) list.push(copy);
    else lists.set(copy.step, [copy]);
  }
  const arrives = new Map<number, number>();
  const written = new Map<number, number>();
  let [device, incoming, outgoing] = [0, 0, 0];
  for (let step = 0; step < seconds.length; step++) {
    for (const copy of before.get(step) ?? []) {
      const time = run.copySeconds(copy);
      const start = Math.max(incoming, device, written.get(copy.slot) ?? 0);
      observer?.copy(copy, start);
      incoming = start + overlap * time;
      device += (1 - overlap) * time;
      arrives.set(copy.tensor, incoming);
    }
    if (arrives.size > 0)
      for (const tensor of run.touched(step)) {
        const arrival = arrives.get(tensor);
        if (arrival === undefined) continue;
        device = Math.max(device, arrival);
        arrives.delete(tensor);
      }
    observer?.step(step, device);
    device += seconds[step];
    for (const copy of behind.get(step) ?? []) {
      const time = run.copySeconds(copy);
      const start = Math.max(outgoing, device);
      observer?.copy(copy, start);
      outgoing = start + overlap * time;
      written.set(copy.slot, outgoing);
      device += (1 - overlap) * time;
      device = Math.max(device, outgoing - 2 * overlap * run.pieceSeconds(copy));
    }
  }
  return Math.max(device, incoming, outgoing);
}
