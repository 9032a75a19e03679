import type { Kernel } from '../../ir/kernel.ts';
import type { AllocatedSchedule, ScheduleTransfer } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';
import { simulateRun } from './simulate.ts';
import { type TransferCosts, transferTime } from './transfer-costs.ts';

/** Predicted seconds of one run of every program: its steps, and what of its transfers does not hide behind them. */
export function scheduleSeconds(
  { kernels, programs, tensors, swapStaging }: AllocatedSchedule,
  secondsOf: (kernel: Kernel) => number,
  costs: TransferCosts,
): number {
  let seconds = 0;
  for (const { steps, transfers = [] } of programs) {
    const copySeconds = ({ kind, tensor }: ScheduleTransfer) =>
      transferTime(costs, kind, byteCount(tensors[tensor]));
    seconds += simulateRun({
      seconds: steps.map(({ kernel }) => secondsOf(kernels[kernel])),
      touched: (step) => steps[step].operands,
      copies: transfers,
      copySeconds,
      pieceSeconds: (copy) => {
        const bytes = byteCount(tensors[copy.tensor]);
        const part =
          swapStaging.bytes === 0 ? 1 : Math.min(1, swapStaging.bytes / Math.max(1, bytes));
        return part * copySeconds(copy);
      },
      overlap: costs.overlap,
    });
  }
  return seconds;
}
