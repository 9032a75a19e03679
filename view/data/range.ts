/** The steps that are shown: from the begin of `first` to the begin of `last`; parts of steps are fine. */
export interface StepRange {
  readonly first: number;
  readonly last: number;
}

/** Fewest steps that are shown at once. */
const FEWEST = 4;

/** All steps of a program of so many. */
export const wholeRange = (steps: number): StepRange => ({ first: 0, last: Math.max(1, steps) });

/** The range within a program, no narrower than a few steps. */
export function clampRange({ first, last }: StepRange, steps: number): StepRange {
  const whole = Math.max(1, steps);
  const width = Math.min(whole, Math.max(Math.min(FEWEST, whole), last - first));
  const middle = (first + last) / 2;
  const start = Math.min(whole - width, Math.max(0, middle - width / 2));
  return { first: start, last: start + width };
}

/** So many times as narrow, with the step `at` where it is. */
export function zoomRange(
  { first, last }: StepRange,
  by: number,
  at: number,
  steps: number,
): StepRange {
  const width = Math.max(last - first, 1e-9) / by;
  const fewest = Math.min(FEWEST, Math.max(1, steps));
  const narrowed = Math.min(Math.max(1, steps), Math.max(fewest, width));
  const share = (at - first) / (last - first);
  const start = at - share * narrowed;
  return clampRange({ first: start, last: start + narrowed }, steps);
}

/** Moved by so many steps. */
export function panRange({ first, last }: StepRange, by: number, steps: number): StepRange {
  return clampRange({ first: first + by, last: last + by }, steps);
}

/** The range itself where it shows steps `from` to `to`; else moved, or widened, until it does. */
export function revealRange(range: StepRange, from: number, to: number, steps: number): StepRange {
  const width = range.last - range.first;
  if (range.first <= from && to + 1 <= range.last) return range;
  if (to + 1 - from > width) {
    const margin = (to + 1 - from) * 0.1;
    return clampRange({ first: from - margin, last: to + 1 + margin }, steps);
  }
  const middle = (from + to + 1) / 2;
  return clampRange({ first: middle - width / 2, last: middle + width / 2 }, steps);
}
