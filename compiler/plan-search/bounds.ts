import type { PlanBound } from '../../ir/plan.ts';
import { type Covering, coverBound, coveringOf, type Mean, sharedAtMost } from './cover-bound.ts';
import type { ProgramValue, ValueProgram } from './program.ts';
import type { TransferCosts } from './transfer-costs.ts';

// What no plan in the given order of steps can go below: in bytes, and in seconds within a budget of bytes. Bounds assume nothing
// about how plans are searched for.

/** A bound that rounding put above its value is the value. */
export function boundOf(lowerBound: number, value: number, method: string): PlanBound {
  const least = Math.min(lowerBound, value);
  const gap = least === value ? 0 : least === 0 ? null : value / least - 1;
  return { lowerBound: least, value, gap, method };
}

/** The step whose operands take most, and how much that is. */
export interface LargestStep {
  readonly bytes: number;
  readonly step: number;
}

/**
 * The largest working set of a step: its operands and results, those results apart that may take the place of an operand. Inputs are
 * all there at the first step unless they can move to the host, and so are persistent values at every step.
 */
export function largestStep({ steps, values }: ValueProgram, movable: boolean): LargestStep {
  const stays = (value: ProgramValue) => !movable && value.kind === 'persistent';
  const always = values.reduce((sum, value) => (stays(value) ? sum + value.bytes : sum), 0);
  let largest = { bytes: always, step: -1 };
  steps.forEach((step, s) => {
    const touched = new Set([...step.reads, ...step.writes]);
    if (s === 0 && !movable)
      values.forEach(({ kind }, value) => {
        if (kind === 'input') touched.add(value);
      });
    let bytes = always - sharedAtMost(step, values);
    for (const value of touched) if (!stays(values[value])) bytes += values[value].bytes;
    if (bytes > largest.bytes) largest = { bytes, step: s };
  });
  return largest;
}

export interface SecondsOptions {
  /** Limit on live bytes, persistent values included. */
  readonly budgetBytes: number;
  /** What may be done to keep it. */
  readonly recompute: boolean;
  readonly swap: boolean;
  readonly costs: TransferCosts;
  /** Seconds that are known to suffice: the ascent is faster where they are near to the bound. */
  readonly known?: number;
}

export interface SecondsBound {
  /** Infinite where no plan in this order keeps the budget. */
  readonly seconds: number;
  readonly method: 'sum of steps' | 'covering' | 'integer program';
}

/** Rounds of ascent of one covering problem, and pairs of stretch and step that all of them may look at. */
const MOST_ROUNDS = 300;
const MOST_WORK = 40_000_000;
/** What one such pair takes at least: a place in an order, and some rounds. */
const PAIR_WORK = 30;

/**
 * Seconds below which no plan runs the steps in this order within a budget. At steps over the budget something idle must be off the
 * device, and each value that is off during an idle stretch costs at least its writers or its copies. Behind a cut, time is at least
 * the computation with what is recomputed there, and at least the copies in; all of it is at least the copies out. So it is at least
 * each weighted mean of the three, which leaves a covering problem whose every dual solution is a bound.
 */
export function leastSeconds(program: ValueProgram, options: SecondsOptions): SecondsBound {
  const total = program.steps.reduce((sum, { seconds }) => sum + seconds, 0);
  // No step is over it.
  if (options.budgetBytes === Number.POSITIVE_INFINITY)
    return { seconds: total, method: 'sum of steps' };
  const means = meansOf(options);
  const mostPairs = MOST_WORK / (PAIR_WORK * means.length * (options.swap ? 4 : 1));
  const covering = coveringOf(program, { ...options, mostPairs });
  if (covering === 'impossible') return { seconds: Number.POSITIVE_INFINITY, method: 'covering' };
  let best: SecondsBound = { seconds: total, method: 'sum of steps' };
  if (covering.times.length === 0) return best;
  const problems = cutsOf(covering, options).flatMap((cut) => means.map((mean) => ({ cut, mean })));
  const rounds = Math.floor(MOST_WORK / (problems.length * (covering.incidences + 1)));
  const { known = Number.POSITIVE_INFINITY } = options;
  for (const { cut, mean } of problems) {
    const free =
      (1 - mean.out) * covering.secondsBefore[cut] +
      mean.compute * (total - covering.secondsBefore[cut]);
    const least = coverBound(covering, cut, mean, {
      goal: known - free,
      rounds: Math.min(MOST_ROUNDS, rounds),
    });
    if (free + least > best.seconds) best = { seconds: free + least, method: 'covering' };
  }
  return best;
}

function cutsOf({ need }: Covering, { swap }: SecondsOptions): number[] {
  if (!swap) return [0];
  const highest = need.indexOf(need.reduce((a, b) => Math.max(a, b)));
  return [...new Set([0, highest >> 1, highest, (highest + need.length) >> 1])];
}

function meansOf({ recompute, swap }: SecondsOptions): Mean[] {
  if (!swap) return [{ compute: 1, in: 0, out: 0 }];
  const shares = recompute ? [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 1] : [0, 0.5, 1];
  return [0, 0.5, 1].flatMap((out) =>
    (out === 1 ? [0] : shares).map((compute) => ({
      compute: (1 - out) * compute,
      in: (1 - out) * (1 - compute),
      out,
    })),
  );
}
