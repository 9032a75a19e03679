import type { ValueProgram } from '../../compiler/plan-search/program.ts';

/** Where a run stands: the step of the order that is next, and by value which of its writers it holds; null where it is not there. */
interface State {
  readonly next: number;
  readonly held: readonly (readonly number[] | null)[];
}

const keyOf = ({ next, held }: State) =>
  `${next}|${held.map((writers) => writers?.join() ?? '-').join('|')}`;

/**
 * The least seconds of all sequences that run the steps in order within a budget, repeat any step before any other, and free any value at
 * any time: Dijkstra's search over what is in memory. Infinite where none keeps the budget. For programs of a few steps.
 */
export function leastByBruteForce(program: ValueProgram, budgetBytes: number): number {
  const { steps, values } = program;
  const start: State = {
    next: 0,
    held: values.map(({ kind }) => (kind === 'input' || kind === 'persistent' ? [] : null)),
  };
  // By seconds, which are whole numbers.
  const queue: State[][] = [[start]];
  const settled = new Set<string>();
  for (let seconds = 0; seconds < queue.length; seconds++) {
    const pending = queue[seconds] ?? [];
    while (pending.length > 0) {
      const state = pending.pop()!;
      const key = keyOf(state);
      if (settled.has(key)) continue;
      settled.add(key);
      if (state.next === steps.length) {
        if (hasResults(program, state)) return seconds;
        continue;
      }
      for (const after of freed(program, state)) pending.push(after);
      for (let s = 0; s <= state.next; s++)
        for (const after of ran(program, state, s, budgetBytes)) {
          const at = seconds + steps[s].seconds;
          queue[at] ??= [];
          queue[at].push(after);
        }
    }
  }
  return Number.POSITIVE_INFINITY;
}

function hasResults({ values }: ValueProgram, { held }: State): boolean {
  return values.every(
    ({ kind, writers }, value) =>
      kind !== 'output' || writers.every((writer) => held[value]?.includes(writer)),
  );
}

/** Inputs are all there until the first step has run, and persistent values stay. */
function freed({ values }: ValueProgram, { next, held }: State): State[] {
  if (next === 0) return [];
  return values.flatMap(({ kind }, value) =>
    held[value] && kind !== 'persistent'
      ? [{ next, held: held.map((writers, i) => (i === value ? null : writers)) }]
      : [],
  );
}

function ran(program: ValueProgram, { next, held }: State, s: number, budget: number): State[] {
  const { steps, values } = program;
  const { reads, writes, pairs, repeatable } = steps[s];
  const isAgain = s < next;
  if (isAgain && !repeatable) return [];
  const isRight = reads.every((value) => {
    const there = held[value] ?? (writes.includes(value) ? [] : null);
    const before = values[value].writers.filter((writer) => writer < s);
    if (!there || !before.every((writer) => there.includes(writer))) return false;
    return !values[value].accumulated || there.length === before.length;
  });
  if (!isRight) return [];
  const bytesOf = (list: readonly number[]) =>
    list.reduce((sum, value) => sum + values[value].bytes, 0);
  const fresh = writes.filter((value) => !held[value]);
  // What is there and complete is made beside it, for a moment.
  const beside = writes.filter((value) => held[value]?.includes(s));
  const live = bytesOf([...held.keys()].filter((value) => held[value]));
  const after = held.map((writers, value) =>
    !writes.includes(value) || writers?.includes(s)
      ? writers
      : [...(writers ?? []), s].sort((a, b) => a - b),
  );
  const states: State[] = [];
  const add = (shared: number, left: State['held']) => {
    if (live + bytesOf(fresh) + bytesOf(beside) - shared <= budget)
      states.push({ next: isAgain ? next : next + 1, held: left });
  };
  add(0, after);
  for (const { from, to } of pairs)
    if (fresh.includes(to) && held[from])
      add(
        values[to].bytes,
        after.map((writers, value) => (value === from ? null : writers)),
      );
  return states;
}
