import { COPY_IN, type Sequence } from './sequence.ts';

/** Whether a value would be in memory all the same without an op that makes it. */
export function canDrop(sequence: Sequence, op: number): boolean {
  const { model, touches } = sequence;
  return createdBy(sequence, op).every((one) => {
    const place = sequence.placeOf(one, op);
    const next = touches[one][place + 1];
    // Nobody reads it: it can go whatever there was before.
    if (place > 0 || model.isInput[one]) return true;
    return next === undefined || (next & 1) === 1;
  });
}

/**
 * Removes an op, and then what only it needed. Values that it made stay in memory from their last use on.
 */
export function dropOp(sequence: Sequence, op: number): void {
  const pending = [op];
  while (pending.length > 0) {
    const one = pending.pop()!;
    const makers = makersFor(sequence, one);
    sequence.remove(one);
    for (const maker of makers) {
      if (maker < sequence.model.stepCount || sequence.stage[maker] < 0) continue;
      if (sequence.isUnused(maker) && canDrop(sequence, maker) && !pending.includes(maker))
        pending.push(maker);
    }
  }
}

/** Drops the ops whose values nobody reads now, as the ops in `made` have made them anew behind them. */
export function dropReplaced(sequence: Sequence, made: readonly number[]): void {
  for (const op of made) {
    if (sequence.stage[op] < 0) continue;
    for (const value of createdBy(sequence, op)) {
      const place = sequence.placeOf(value, op);
      const before = place > 0 ? sequence.touches[value][place - 1] >> 1 : -1;
      if (before >= 0 && sequence.isUnused(before) && canDrop(sequence, before))
        dropOp(sequence, before);
    }
  }
}

/** The values that a recomputation or a copy makes. */
const createdBy = ({ model, kind, value }: Sequence, op: number): readonly number[] =>
  kind[op] === COPY_IN ? [value[op]] : model.recipes[value[op]]!.creates;

/** What made the values that an op reads. */
function makersFor(sequence: Sequence, op: number): number[] {
  const makers: number[] = [];
  for (const value of sequence.touchedBy(op)) {
    const maker = sequence.makerOf(value, op);
    if (maker >= 0 && maker !== op && !makers.includes(maker)) makers.push(maker);
  }
  return makers;
}
