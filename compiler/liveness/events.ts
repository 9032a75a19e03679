/** Lives over the steps of one program: each takes its bytes from step `first` to step `last`, both included. */
export interface Blocks {
  readonly bytes: Float64Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
}

/**
 * Live bytes as events over the steps of a program in a fixed order. What opens in a step is live in it, and what closes in it
 * is dead after it. At a handover two tensors have one place, which counts once. All counts of live bytes use these events, for
 * arena tensors, persistent ones (open in all steps) and copies that are swapped in. `LiveProfile` keeps the same events while steps
 * are inserted and removed.
 */
export class LiveEvents {
  /** By step: bytes that it has more than the one before it. */
  readonly #change: Float64Array;
  readonly #stepCount: number;

  constructor(stepCount: number) {
    this.#stepCount = stepCount;
    this.#change = new Float64Array(stepCount + 1);
  }

  /** A life from `first` to `last`, both included; none where `first` is behind `last`. */
  live(first: number, last: number, bytes: number): void {
    if (first > last) return;
    this.#change[first] += bytes;
    this.#change[last + 1] -= bytes;
  }

  /** A tensor of `bytes` that begins in `step` is in the place of one that ends in it. */
  handover(step: number, bytes: number): void {
    this.#change[step] -= bytes;
    this.#change[step + 1] += bytes;
  }

  /** Live bytes of each step. */
  sums(): Float64Array {
    const live = this.#change.slice(0, this.#stepCount);
    for (let step = 1; step < live.length; step++) live[step] += live[step - 1];
    return live;
  }

  /** The peak live bytes, without the array of sums. */
  peakBytes(): number {
    let live = 0;
    let peak = 0;
    for (let step = 0; step < this.#stepCount; step++) {
      live += this.#change[step];
      if (live > peak) peak = live;
    }
    return peak;
  }
}

/** The peak live bytes and the first step that has them; step 0 where nothing is ever live. */
export function peakOf(live: ArrayLike<number>): { readonly bytes: number; readonly step: number } {
  let bytes = 0;
  let peakStep = 0;
  for (let step = 0; step < live.length; step++) {
    if (live[step] <= bytes) continue;
    bytes = live[step];
    peakStep = step;
  }
  return { bytes, step: peakStep };
}

function eventsOf({ bytes, first, last }: Blocks): LiveEvents {
  let lastOfAll = -1;
  for (const step of last) lastOfAll = Math.max(lastOfAll, step);
  const events = new LiveEvents(lastOfAll + 1);
  for (let block = 0; block < bytes.length; block++)
    events.live(first[block], last[block], bytes[block]);
  return events;
}

/** Sum of the blocks that are live at each step, for steps 0 … the last that any block lives in. */
export function liveBytes(blocks: Blocks): Float64Array {
  return eventsOf(blocks).sums();
}

/** The largest sum of live blocks: no assignment of offsets can take less. */
export function peakLiveBytes(blocks: Blocks): number {
  return eventsOf(blocks).peakBytes();
}
