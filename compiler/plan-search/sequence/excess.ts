import type { Sequence } from './sequence.ts';

/** Stages that are counted as one change. */
const STAGES_PER_CHANGE = 8;

/** Bytes above a target, summed over the stages of a sequence while it is watched. */
export class Excess {
  private readonly sequence: Sequence;
  private readonly targetBytes: number;
  private readonly live: Float64Array;
  /** The sum. */
  bytes = 0;

  constructor(sequence: Sequence, targetBytes: number) {
    this.sequence = sequence;
    this.targetBytes = targetBytes;
    this.live = Float64Array.from({ length: sequence.model.stepCount }, (_, stage) =>
      sequence.tree.at(stage),
    );
    for (const live of this.live) this.bytes += Math.max(0, live - targetBytes);
  }

  watch(): void {
    this.sequence.tree.onAdd = (first, last, amount) => {
      const { live, targetBytes } = this;
      this.sequence.changes += (last - first) >> STAGES_PER_CHANGE;
      let more = 0;
      for (let stage = first; stage <= last; stage++) {
        const before = live[stage] - targetBytes;
        const now = before + amount;
        live[stage] = now + targetBytes;
        more += Math.max(now, 0) - Math.max(before, 0);
      }
      this.bytes += more;
    };
  }

  unwatch(): void {
    this.sequence.tree.onAdd = null;
  }

  /** A stage above the target, each as often as it is high: `part` is the part of the sum up to it. */
  draw(part: number): number {
    const { live, targetBytes } = this;
    let left = part * this.bytes;
    let last = 0;
    for (let stage = 0; stage < live.length; stage++) {
      const above = live[stage] - targetBytes;
      if (above <= 0) continue;
      left -= above;
      last = stage;
      if (left <= 0) break;
    }
    return last;
  }

  /** What so many bytes over the stages `first` … `last` would add to the sum. */
  wouldAdd(first: number, last: number, bytes: number): number {
    const { live, targetBytes } = this;
    this.sequence.changes += (last - first) >> STAGES_PER_CHANGE;
    let more = 0;
    for (let stage = first; stage <= last; stage++)
      more += Math.max(0, Math.min(bytes, live[stage] + bytes - targetBytes));
    return more;
  }
}
