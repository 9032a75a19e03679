import { median, warmRuns } from '../../compiler/inspect/kernel-times.ts';
import { stepStarts, transferSpan } from '../../compiler/inspect/run-times.ts';
import type { HostTier, Plan, PlanProgram } from '../../ir/plan.ts';
import { NO_SWAP } from '../../ir/plan-swap.ts';
import type { CopyTime, SessionTrace } from '../../ir/trace.ts';

/** A copy between host and device, where it is under way on the axis of steps. */
export interface CopySpan {
  readonly direction: CopyTime['direction'];
  /** Where on the host; `caller`: inputs that are written, or outputs that are read, all of them together. */
  readonly place: HostTier | 'caller';
  /** Indices into the plan's tensors, at least one. */
  readonly tensors: readonly number[];
  /** In: the step before which it is issued; out: the step behind which it is. */
  readonly step: number;
  /** On the axis of steps; of times that are not known, a step's width where it is issued. */
  readonly x0: number;
  readonly x1: number;
  readonly bytes: number;
  /** Seconds by itself; null where they are not known. */
  readonly predicted: number | null;
  readonly measured: number | null;
}

/** The copies of a program, of each direction in the order in which they are issued: inputs first, outputs last. */
export function copySpans(plan: Plan, program: string, trace?: SessionTrace): CopySpan[] {
  const { steps, transfers = [], inputs, outputs } = plan.programs[program];
  const { slots } = plan.swap ?? NO_SWAP;
  const placeAt = timeAxis(steps);
  const measured = measuredCopies(trace, program);
  const swaps = transfers.map((transfer): CopySpan => {
    const { kind, tensor, slot, step, seconds } = transfer;
    const issued = kind === 'in' ? step : step + 1;
    const span = transferSpan(transfer);
    const { name, bytes } = plan.tensors[tensor];
    return {
      ...{ direction: kind, place: slots[slot].tier, tensors: [tensor], step, bytes },
      x0: span ? placeAt(span.startSeconds) : issued,
      x1: span ? placeAt(span.startSeconds + span.seconds) : issued + 1,
      predicted: seconds ?? null,
      measured: measured(kind, 'swap', step, name),
    };
  });
  const together = (
    list: PlanProgram['inputs'] | PlanProgram['outputs'],
    direction: 'in' | 'out',
  ): CopySpan[] => {
    if (list.length === 0) return [];
    const at = direction === 'in' ? 0 : steps.length;
    const tensors = list.map(({ tensor }) => tensor);
    const bytes = tensors.reduce((sum, tensor) => sum + plan.tensors[tensor].bytes, 0);
    const step = direction === 'in' ? 0 : Math.max(0, steps.length - 1);
    return [
      {
        ...{ direction, place: 'caller', tensors, step, x0: at, x1: at, bytes, predicted: null },
        measured: measured(direction, 'interface', null, null),
      },
    ];
  };
  return [...together(inputs, 'in'), ...swaps, ...together(outputs, 'out')];
}

/** Where a time of a predicted run is on the axis of steps: within a step that runs then, or at the begin of the one that waits. */
function timeAxis(steps: PlanProgram['steps']): (seconds: number) => number {
  const starts = stepStarts(steps);
  return (time) => {
    let [low, high] = [0, steps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= time) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const { seconds = 0 } = steps[low - 1];
    const share = seconds > 0 ? (time - starts[low - 1]) / seconds : 1;
    return low - 1 + Math.min(1, share);
  };
}

type Measured = (
  direction: CopyTime['direction'],
  purpose: CopyTime['purpose'],
  step: number | null,
  tensor: string | null,
) => number | null;

/** The median over the warm runs of what a copy took; of several in one run, their sum. */
function measuredCopies(trace: SessionTrace | undefined, program: string): Measured {
  const runs = new Set(trace ? warmRuns(trace, program).map(({ run }) => run) : []);
  const sums = new Map<string, Map<number, number>>();
  for (const { direction, purpose, program: of, run, step, tensors, seconds } of trace?.copies ??
    []) {
    if (of !== program || !runs.has(run)) continue;
    const isSwap = purpose === 'swap';
    const key = keyOf(direction, purpose, isSwap ? step : null, isSwap ? tensors[0] : null);
    const own = sums.get(key) ?? new Map<number, number>();
    sums.set(key, own.set(run, (own.get(run) ?? 0) + seconds));
  }
  return (...of) => {
    const own = sums.get(keyOf(...of));
    return own ? median([...own.values()]) : null;
  };
}

const keyOf = (...of: Parameters<Measured>): string => of.join('\n');
