import {
  type ProgramValue,
  type ValueProgram,
  type ValueStep,
  withUses,
} from '../../compiler/plan-search/program.ts';
import { randomBelow } from '../memory/random-schedule.ts';

export interface RandomShape {
  readonly steps: number;
  /** Inputs, persistent values, outputs, steps with two results, values of several writers, results in place of operands. */
  readonly rich: boolean;
}

/**
 * A random program: a forward pass whose later half reads back into it, as training does. Bytes are small integers, so that ties and
 * exact fits are common.
 */
export function randomValueProgram(
  seed: number,
  { steps: count, rich }: RandomShape,
): ValueProgram {
  const below = randomBelow(seed);
  const chance = (part: number) => rich && below(1000) < 1000 * part;
  const values: Pick<ProgramValue, 'name' | 'bytes' | 'kind'>[] = [];
  const value = (kind: ProgramValue['kind'], bytes = 1 + below(5)) =>
    values.push({ name: `v${values.length}`, bytes, kind }) - 1;
  const inputs = rich ? [value('input'), ...(chance(0.5) ? [value('input')] : [])] : [];
  const persistent = chance(0.7) ? [value('persistent')] : [];
  const made: number[] = [];
  const accumulated = new Set<number>();
  const steps = Array.from({ length: count }, (_, s): ValueStep => {
    const reads = new Set<number>();
    if (made.length > 0) reads.add(made[made.length - 1]);
    const wanted = below(3);
    for (let i = 0; i < wanted; i++) {
      const back = s > count / 2 ? Math.min(made.length, count - s) : made.length;
      if (back > 0) reads.add(made[below(back)]);
      if (chance(0.3)) reads.add(inputs[below(inputs.length)]);
      if (chance(0.2) && persistent.length > 0) reads.add(persistent[0]);
    }
    const writes: number[] = [];
    if (s > 1 && chance(0.15)) {
      // A value that several steps write, into parts of it or over it.
      const several = made[below(made.length)];
      const isOver = below(2) === 0;
      if (values[several].kind === 'temporary') {
        writes.push(several);
        if (isOver) {
          reads.add(several);
          accumulated.add(several);
        } else reads.delete(several);
      }
    }
    if (persistent.length > 0 && s === count - 1 && chance(0.7)) {
      writes.push(persistent[0]);
      reads.add(persistent[0]);
      accumulated.add(persistent[0]);
    }
    if (writes.length === 0 || chance(0.2)) {
      const fresh = value(chance(0.1) || (rich && s === count - 1) ? 'output' : 'temporary');
      writes.push(fresh);
      made.push(fresh);
      if (chance(0.2)) {
        const second = value('temporary');
        writes.push(second);
        made.push(second);
      }
    }
    const pairs = [...reads].flatMap((from) => {
      const to = writes.find((one) => one !== from && values[one].bytes === values[from].bytes);
      const isFree = values[from].kind === 'temporary' && !accumulated.has(from);
      return to !== undefined && isFree && chance(0.5) ? [{ from, to }] : [];
    });
    return {
      ...{ reads: [...reads], writes, pairs: pairs.slice(0, 1) },
      seconds: 1 + below(9),
      repeatable: writes.every((one) => values[one].kind !== 'persistent'),
      checkpoint: false,
    };
  });
  return {
    ...{ name: `random ${seed}`, steps, turn: count >> 1 },
    values: withUses(steps, values, accumulated),
  };
}
