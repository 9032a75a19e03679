import { COPY_IN, type Sequence } from './sequence.ts';

/** Whether a value would be in memory all the same without an op that makes it. */
export function canDrop(sequence: Sequence, op: number): boolean {
  const { model, kind, value, touches } = sequence;
  const made = kind[op] === COPY_IN ? [value[op]] : model.recipes[value[op]]!.creates;
  return made.every((one) => {
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

/** What made the values that an op reads. */
function makersFor(sequence: Sequence, op: number): number[] {
  const makers: number[] = [];
  for (const value of sequence.touchedBy(op)) {
    const maker = sequence.makerOf(value, op);
    if (maker >= 0 && maker !== op && !makers.includes(maker)) makers.push(maker);
  }
  return makers;
}
