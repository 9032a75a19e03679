import type { StepRange } from './range.ts';

/** Parts of an axis of steps, each one step or one column of a screen, with the step that stands for it. */
export interface Bins {
  readonly count: number;
  /** Where each begins and ends, in steps. */
  readonly x0: Float64Array;
  readonly x1: Float64Array;
  /** The step with the largest value in it, so that no peak is lost. */
  readonly step: Int32Array;
}

/** The steps of a range in at most so many bins; `values` decides which step of a bin counts. */
export function stepBins(
  values: ArrayLike<number>,
  { first, last }: StepRange,
  columns: number,
): Bins {
  const from = Math.max(0, Math.floor(first));
  const to = Math.min(values.length, Math.ceil(last));
  const steps = Math.max(0, to - from);
  const count = Math.min(steps, Math.max(1, Math.floor(columns)));
  const bins = {
    count,
    x0: new Float64Array(count),
    x1: new Float64Array(count),
    step: new Int32Array(count),
  };
  for (let bin = 0; bin < count; bin++) {
    const begin = from + Math.floor((bin * steps) / count);
    const end = from + Math.floor(((bin + 1) * steps) / count);
    let best = begin;
    for (let step = begin + 1; step < end; step++) if (values[step] > values[best]) best = step;
    bins.x0[bin] = begin;
    bins.x1[bin] = end;
    bins.step[bin] = best;
  }
  return bins;
}
