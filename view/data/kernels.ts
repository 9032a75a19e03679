import { kernelTimes } from '../../compiler/inspect/kernel-times.ts';
import type { PlanModel, ProgramModel } from './model.ts';

/** All steps of a program that run one kernel. What is not known is null. */
export interface KernelRow {
  readonly name: string;
  readonly variant: string | null;
  /** The steps that run it, those that take longest first. */
  readonly steps: readonly number[];
  /** Of the seconds of all steps, measured where there is a trace, else predicted; of the operations where there are no times. */
  readonly share: number;
  readonly measured: number | null;
  readonly predicted: number | null;
  /** By the times that `share` is of, in 1e9 operations and bytes a second. */
  readonly gflops: number | null;
  readonly gbs: number | null;
}

/** What a program's kernels take, the largest share first. */
export function kernelRows({ plan }: PlanModel, program: ProgramModel): KernelRow[] {
  const { measured, predicted } = program.times;
  const times = measured ?? predicted;
  const weights = times ?? Float64Array.from(program.steps, ({ flops }) => flops);
  const steps = new Map<string, number[]>();
  program.steps.forEach(({ kernel }, step) => {
    const { name } = plan.kernels[kernel];
    const list = steps.get(name);
    if (list) list.push(step);
    else steps.set(name, [step]);
  });
  const giga = (rate: number | null) => (times === null || rate === null ? null : rate / 1e9);
  return kernelTimes(plan, program.name, [...weights], null).map(
    ({ kernel, variant, seconds, share, flopsPerSecond, bytesPerSecond, predictedSeconds }) => ({
      name: kernel,
      variant,
      steps: steps.get(kernel)!.sort((a, b) => weights[b] - weights[a] || a - b),
      share,
      measured: measured ? seconds : null,
      predicted: predictedSeconds,
      gflops: giga(flopsPerSecond),
      gbs: giga(bytesPerSecond),
    }),
  );
}

/** What a table of kernels can be sorted by. */
export type KernelColumn =
  | 'name'
  | 'variant'
  | 'calls'
  | Exclude<keyof KernelRow, 'steps' | 'name' | 'variant'>;

/** The rows by a column; what is not known comes last in both directions. */
export function sortKernels(
  rows: readonly KernelRow[],
  column: KernelColumn,
  descending: boolean,
): KernelRow[] {
  const value = (row: KernelRow) => (column === 'calls' ? row.steps.length : row[column]);
  const sign = descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return sign * (x < y ? -1 : x > y ? 1 : 0);
  });
}
