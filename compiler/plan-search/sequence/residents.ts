import type { Sequence } from './sequence.ts';

/** Blocks of stages that a program is cut into. */
const BLOCKS = 128;

/**
 * The values that may be in memory at a stage, as a list for each block of stages: those whose uses surround it, by steps or by what has
 * been inserted since. Values stay in a list once they are in it.
 */
export class Residents {
  private readonly size: number;
  private readonly lists: number[][];
  private readonly isListed: Uint8Array;
  private readonly blocks: number;

  constructor(sequence: Sequence) {
    const { stepCount, program, bytes } = sequence.model;
    this.size = Math.max(4, Math.ceil(stepCount / BLOCKS));
    this.blocks = Math.ceil(stepCount / this.size) + 1;
    this.lists = Array.from({ length: this.blocks }, () => []);
    this.isListed = new Uint8Array(this.blocks * program.values.length);
    sequence.touches.forEach((touches, value) => {
      if (touches.length < 2 || bytes[value] === 0) return;
      const stageOf = (touch: number) => sequence.stage[touch >> 1];
      this.add(value, stageOf(touches[0]), stageOf(touches[touches.length - 1]));
    });
  }

  add(value: number, first: number, last: number): void {
    const end = Math.floor(last / this.size);
    for (let block = Math.floor(first / this.size); block <= end; block++) {
      const at = value * this.blocks + block;
      if (this.isListed[at]) continue;
      this.isListed[at] = 1;
      this.lists[block].push(value);
    }
  }

  at(stage: number): readonly number[] {
    return this.lists[Math.floor(stage / this.size)];
  }
}
