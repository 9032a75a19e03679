import { SWAP } from '../decisions.ts';
import { transferTime } from '../timeline.ts';
import type { ScheduleAction } from './action.ts';

/** What is swapped: nothing, by a policy of SuperNeurons (PPoPP 2018), or what is cheapest for the budget. */
export const SWAP_POLICIES = ['none', 'conv', 'lru', 'auto'] as const;
/** How swapped values are chosen: `--swap`. */
export type SwapPolicy = (typeof SWAP_POLICIES)[number];

export const swap: ScheduleAction = {
  name: 'swap',
  level: 'schedule',
  method: SWAP,
  exact: true,
  option: { name: 'swap', choices: SWAP_POLICIES },
  summary: 'A value is copied to the host and evicted, and swapped in before its next use.',
  apply: (residency, value) => {
    residency.sendOut(value);
    residency.evict(value);
  },
  // The copies' time that does not hide behind the computation between them.
  cost: ({ timeline, costs }, { value, from, to }) => {
    const { program, computed, transferred, hostedFrom } = timeline;
    const { bytes } = program.values[value];
    const sent = hostedFrom[value] <= from;
    const copies =
      transferTime(costs, 'in', bytes) + (sent ? 0 : transferTime(costs, 'out', bytes));
    const fixed = costs.transferSeconds * (sent ? 1 : 2);
    const free = computed[to] - computed[from + 1] - (transferred[to] - transferred[from + 1]);
    return fixed + Math.max(0, copies - fixed - costs.overlap * Math.max(0, free));
  },
};
