import type { Kernel } from '../../ir/kernel.ts';
import type { AllocatedSchedule, ScheduleTransfer } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';
import type { AppliedProgram } from './apply.ts';
import type { ValueProgram } from './program.ts';
import type { DeviceCosts } from './sequence/simulation.ts';
import { type SimulatedCopy, simulateRun } from './simulate.ts';
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

/** Predicted seconds of one run of a program with what it repeats and copies. */
export function appliedSeconds(
  { steps, values }: ValueProgram,
  { ops, versions }: AppliedProgram,
  costs: DeviceCosts,
): number {
  const run: Extract<AppliedProgram['ops'][number], { kind: 'step' }>[] = [];
  const copies: SimulatedCopy[] = [];
  for (const op of ops) {
    if (op.kind === 'step') {
      run.push(op);
      continue;
    }
    const step = op.kind === 'in' ? run.length : run.length - 1;
    const tensor = op.version;
    copies.push({ kind: op.kind, tensor, slot: versions[tensor].value, step });
  }
  const bytesOf = ({ slot }: SimulatedCopy) => values[slot].bytes;
  const { stagingBytes = Number.POSITIVE_INFINITY } = costs;
  return simulateRun({
    seconds: run.map(({ step }) => steps[step].seconds),
    touched: (i) => [...run[i].reads, ...run[i].writes],
    copies,
    copySeconds: (copy) => transferTime(costs, copy.kind, bytesOf(copy)),
    pieceSeconds: (copy) => {
      const part = Math.min(1, stagingBytes / Math.max(1, bytesOf(copy)));
      return part * transferTime(costs, copy.kind, bytesOf(copy));
    },
    overlap: costs.overlap,
  });
}
