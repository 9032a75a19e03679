import type { ProgramValue, ValueProgram, ValueStep } from './program.ts';
import { type TransferCosts, transferTime } from './transfer-costs.ts';

/** What is over a budget at which steps, and the idle stretches of values that can cover it. */
export interface Covering {
  /** Steps over the budget, rising. */
  readonly times: Int32Array;
  /** Bytes that must be off the device at each of them. */
  readonly need: Float64Array;
  /** Seconds of the steps before each of them. */
  readonly secondsBefore: Float64Array;
  readonly stretches: readonly Stretch[];
  /** Pairs of a stretch and one of `times`. */
  readonly incidences: number;
}

/** A value idle between two uses, or outside of all uses of a persistent value. */
interface Stretch {
  /** Its first and last index of `times`; a persistent value is idle at both ends of a run. */
  readonly ranges: readonly (readonly [first: number, last: number])[];
  readonly bytes: number;
  /** Seconds of computation that bring it back; infinite where none does. */
  readonly again: number;
  /** Seconds of the copies beside computation; not finite where it cannot be copied. `out` is its part of the value's one copy out. */
  readonly in: number;
  readonly out: number;
  /** Seconds that the copies keep the device from computing. */
  readonly exposed: number;
}

/** Weights of computation, copies in and copies out, together 1. */
export interface Mean {
  readonly compute: number;
  readonly in: number;
  readonly out: number;
}

export interface CoverOptions {
  readonly budgetBytes: number;
  readonly recompute: boolean;
  readonly swap: boolean;
  readonly costs: TransferCosts;
  /** Limit on the pairs of a stretch and a step. */
  readonly mostPairs: number;
}

/** Steps that take part, those over the budget by most. */
const MOST_TIMES = 192;

/** Most bytes that the results of a step can share with its operands. */
export function sharedAtMost({ pairs }: ValueStep, values: readonly ProgramValue[]): number {
  const shared = new Map<number, number>();
  for (const { from, to } of pairs) {
    const bytes = Math.min(values[from].bytes, values[to].bytes);
    shared.set(to, Math.max(shared.get(to) ?? 0, bytes));
  }
  return [...shared.values()].reduce((sum, bytes) => sum + bytes, 0);
}

type Range = readonly [first: number, last: number];

interface Idle {
  readonly value: number;
  /** In steps. */
  readonly ranges: readonly Range[];
  /** Writers up to this step have made what is lost. */
  readonly made: number;
  readonly copied: { readonly in: boolean; readonly out: boolean };
}

/** The covering problem of a program within a budget; `impossible` where some step cannot be brought under it. */
export function coveringOf(program: ValueProgram, options: CoverOptions): Covering | 'impossible' {
  const { steps, values } = program;
  const count = steps.length;
  const idle = values.flatMap((_, value) => idleOf(program, value));
  const live = new Float64Array(count + 1);
  const movable = new Float64Array(count + 1);
  const add = (sums: Float64Array, [first, last]: Range, bytes: number) => {
    sums[first] += bytes;
    sums[last + 1] -= bytes;
  };
  const ways = idle.map((one) => waysOf(program, one, options));
  idle.forEach(({ value, ranges }, i) => {
    for (const range of ranges) {
      add(live, range, values[value].bytes);
      if (ways[i]) add(movable, range, values[value].bytes);
    }
  });
  const over: { time: number; need: number }[] = [];
  let seconds = 0;
  const secondsBefore = new Float64Array(count);
  for (let s = 0; s < count; s++) {
    if (s > 0) live[s] += live[s - 1];
    if (s > 0) movable[s] += movable[s - 1];
    secondsBefore[s] = seconds;
    seconds += steps[s].seconds;
    let working = -sharedAtMost(steps[s], values);
    for (const value of new Set([...steps[s].reads, ...steps[s].writes]))
      working += values[value].bytes;
    const need = working + live[s] - options.budgetBytes;
    if (need > movable[s] * (1 + 1e-12)) return 'impossible';
    if (need > 0) over.push({ time: s, need });
  }
  let chosen = mostNeeded(over, MOST_TIMES);
  let times = Int32Array.from(chosen, ({ time }) => time);
  let within = idle.map(({ ranges }) => ranges.flatMap((range) => indicesIn(times, range)));
  // Fewer steps make a weaker bound, and less work: this stays near-linear in the size of the program.
  for (let most = MOST_TIMES; most > 1 && pairsOf(within) > options.mostPairs; ) {
    most = Math.max(
      1,
      Math.min(most >> 1, Math.floor((most * options.mostPairs) / pairsOf(within))),
    );
    chosen = mostNeeded(over, most);
    times = Int32Array.from(chosen, ({ time }) => time);
    within = idle.map(({ ranges }) => ranges.flatMap((range) => indicesIn(times, range)));
  }
  const outs = new Map<number, number>();
  idle.forEach(({ value }, i) => {
    if (ways[i] && within[i].length > 0) outs.set(value, (outs.get(value) ?? 0) + 1);
  });
  const stretches = idle.flatMap(({ value }, i): Stretch[] => {
    const way = ways[i];
    if (!way || within[i].length === 0) return [];
    const out = way.out / outs.get(value)!;
    const { overlap } = options.costs;
    const copies = {
      in: overlap * way.in,
      out: overlap * out,
      exposed: (1 - overlap) * (way.in + out),
    };
    return [{ ranges: within[i], bytes: values[value].bytes, again: way.again, ...copies }];
  });
  const incidences = pairsOf(stretches.map(({ ranges }) => ranges));
  return {
    times,
    need: Float64Array.from(chosen, ({ need }) => need),
    secondsBefore: Float64Array.from(times, (time) => secondsBefore[time]),
    stretches,
    incidences,
  };
}

const pairsOf = (within: readonly (readonly Range[])[]) =>
  within.reduce(
    (sum, ranges) => ranges.reduce((most, [first, last]) => most + last - first + 1, sum),
    0,
  );

/** Local peaks come first: a step beside one asks for nearly the same. */
function mostNeeded(over: readonly { time: number; need: number }[], most: number) {
  const rank = over.map(({ need }, i) => ({
    i,
    need,
    isPeak: need >= (over[i - 1]?.need ?? 0) && need >= (over[i + 1]?.need ?? 0),
  }));
  rank.sort((a, b) => Number(b.isPeak) - Number(a.isPeak) || b.need - a.need || a.i - b.i);
  return rank
    .slice(0, most)
    .sort((a, b) => a.i - b.i)
    .map(({ i }) => over[i]);
}

/** The indices of `times` that lie in a range of steps. */
function indicesIn(times: Int32Array, [first, last]: Range): Range[] {
  const from = (step: number) => {
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < step) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const range: Range = [from(first), from(last + 1) - 1];
  return range[0] <= range[1] ? [range] : [];
}

/**
 * When a value is live and no step touches it. What is off the device must be back where it is read next, not where a step writes a
 * further part of it: so idle stretches up to the same read are one.
 */
function idleOf({ steps, values }: ValueProgram, value: number): Idle[] {
  const { kind, uses, writers, bytes } = values[value];
  if (bytes === 0) return [];
  const end = steps.length - 1;
  const idle: Idle[] = [];
  const add = (ranges: readonly Range[], made: number, copied: Idle['copied']) => {
    const some = ranges.filter(([first, last]) => first <= last);
    if (some.length > 0) idle.push({ value, ranges: some, made, copied });
  };
  const isRead = (use: number) => steps[use].reads.includes(value);
  // A copy of an input or of a persistent value may be on the host before the first step.
  const copied = { in: true, out: kind === 'temporary' || kind === 'output' };
  let since = 0;
  let ranges: Range[] = [];
  for (let i = 1; i < uses.length; i++) {
    ranges.push([uses[i - 1] + 1, uses[i] - 1]);
    if (!isRead(uses[i])) continue;
    add(ranges, uses[since], copied);
    since = i;
    ranges = [];
  }
  const first = uses.length === 0 ? end + 1 : uses[0];
  const last = uses.length === 0 ? end : uses[uses.length - 1];
  const behind: Range = [last + 1, end];
  if (kind === 'output') add([...ranges, behind], uses[since] ?? -1, copied);
  else add(ranges, -1, { in: false, out: false });
  // Inputs are all there at the first step.
  if (kind === 'input' && uses.length === 0) add([[0, 0]], -1, { in: false, out: false });
  else if (kind === 'input') add([[0, first - 1]], -1, { in: true, out: false });
  if (kind === 'persistent')
    add([[0, first - 1], behind], -1, { in: uses.some(isRead), out: writers.length > 0 });
  return idle;
}

type Ways = Pick<Stretch, 'again' | 'in' | 'out'>;

/** What it takes at least to have a value off the device while it is idle; null where it must stay. */
function waysOf(
  { steps, values }: ValueProgram,
  { value, made, copied }: Idle,
  { recompute, swap, costs }: CoverOptions,
): Ways | null {
  const { kind, bytes, writers } = values[value];
  let again = Number.POSITIVE_INFINITY;
  if (recompute && (kind === 'temporary' || kind === 'output')) {
    again = 0;
    for (const writer of writers) {
      if (writer > made) break;
      const { repeatable, writes, seconds } = steps[writer];
      // One run makes all results of the step anew, so each bears a part of it.
      const results = writes.reduce((sum, one) => sum + values[one].bytes, 0);
      again += repeatable ? (seconds * bytes) / results : Number.POSITIVE_INFINITY;
    }
  }
  const copy = (kind: 'in' | 'out') => (copied[kind] ? transferTime(costs, kind, bytes) : 0);
  if (swap) return { again, in: copy('in'), out: copy('out') };
  if (!Number.isFinite(again)) return null;
  return { again, in: Number.POSITIVE_INFINITY, out: 0 };
}

/**
 * A lower bound on the weighted cost of stretches that cover `need` at all times from index `cut` on: the best of the fractional
 * knapsack of each time, then subgradient ascent from there over all times (Polyak's steps, towards `goal` where that is finite).
 * A stretch counts at a time for what is needed there at most, which holds for whole stretches only and makes the bound tighter.
 */
export function coverBound(
  { need, stretches }: Covering,
  cut: number,
  mean: Mean,
  { goal, rounds }: { readonly goal: number; readonly rounds: number },
): number {
  const weights = Float64Array.from(stretches, (stretch) => weightOf(stretch, mean));
  const price = new Float64Array(need.length);
  let best = startPrices(need, stretches, weights, cut, price);
  const gradient = new Float64Array(need.length);
  let step = 1;
  let idle = 0;
  const start = price.slice();
  for (let round = 0; round < rounds && idle < 40; round++) {
    let value = 0;
    for (let k = cut; k < need.length; k++) {
      gradient[k] = need[k];
      value += price[k] * need[k];
    }
    stretches.forEach(({ ranges, bytes }, i) => {
      let reduced = weights[i];
      for (const [first, last] of ranges)
        for (let k = Math.max(cut, first); k <= last; k++)
          reduced -= price[k] * Math.min(bytes, need[k]);
      if (reduced >= 0) return;
      value += reduced;
      for (const [first, last] of ranges)
        for (let k = Math.max(cut, first); k <= last; k++) gradient[k] -= Math.min(bytes, need[k]);
    });
    idle++;
    if (value > best) {
      if (value > best * (1 + 1e-5)) idle = 0;
      best = value;
      start.set(price);
    } else if (idle % 10 === 0) {
      step /= 2;
      price.set(start);
    }
    let norm = 0;
    for (let k = cut; k < need.length; k++) {
      // A price that is zero cannot fall.
      if (price[k] === 0 && gradient[k] < 0) gradient[k] = 0;
      norm += gradient[k] ** 2;
    }
    if (norm === 0) break;
    const wanted = Number.isFinite(goal) && goal > value ? goal : Math.max(best * 1.05, 1e-12);
    const length = (step * (wanted - value)) / norm;
    for (let k = cut; k < need.length; k++) price[k] = Math.max(0, price[k] + length * gradient[k]);
  }
  return best;
}

function weightOf({ again, in: inward, out, exposed }: Stretch, mean: Mean): number {
  const recomputed = Number.isFinite(again) ? mean.compute * again : Number.POSITIVE_INFINITY;
  // An overlap of 0 times an infinite copy is not a number.
  const copied = Number.isFinite(inward)
    ? mean.compute * exposed + mean.in * inward + mean.out * out
    : Number.POSITIVE_INFINITY;
  return Math.min(recomputed, copied);
}

/** Sets the price of the one time whose fractional knapsack costs most, and returns that. */
function startPrices(
  need: Float64Array,
  stretches: readonly Stretch[],
  weights: Float64Array,
  cut: number,
  price: Float64Array,
): number {
  const at = Array.from(need, (): number[] => []);
  stretches.forEach(({ ranges }, i) => {
    for (const [first, last] of ranges)
      for (let k = Math.max(cut, first); k <= last; k++) at[k].push(i);
  });
  const ratio = new Float64Array(stretches.length);
  let best = 0;
  for (let k = cut; k < need.length; k++) {
    for (const i of at[k]) ratio[i] = weights[i] / Math.min(stretches[i].bytes, need[k]);
    let left = need[k];
    let cost = 0;
    let last = 0;
    for (const i of at[k].sort((a, b) => ratio[a] - ratio[b] || a - b)) {
      if (left <= 0) break;
      const taken = Math.min(left, stretches[i].bytes, need[k]);
      last = ratio[i];
      cost += taken * last;
      left -= taken;
    }
    if (cost <= best) continue;
    best = cost;
    price.fill(0);
    price[k] = last;
  }
  return best;
}
