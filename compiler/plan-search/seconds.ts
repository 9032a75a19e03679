import type { Kernel } from '../../ir/kernel.ts';
import type { AllocatedSchedule } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';
import { type TransferCosts, transferTime } from './timeline.ts';

/** Predicted seconds of one run of every program: its steps, and what of its transfers does not hide behind them. */
export function scheduleSeconds(
  { kernels, programs, tensors }: AllocatedSchedule,
  secondsOf: (kernel: Kernel) => number,
  costs: TransferCosts,
): number {
  let seconds = 0;
  for (const { steps, transfers = [] } of programs) {
    let computing = 0;
    let copying = 0;
    for (const { kernel } of steps) computing += secondsOf(kernels[kernel]);
    for (const { kind, tensor } of transfers)
      copying += transferTime(costs, kind, byteCount(tensors[tensor]));
    seconds += computing + copying - Math.min(costs.overlap * copying, computing);
  }
  return seconds;
}
