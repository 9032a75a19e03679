import type { PlanProgram } from '../../ir/plan.ts';
import {
  type BatchOptions,
  BatchRunner,
  type PartialReport,
  programOf,
  type RunsPrograms,
} from './batch-runner.ts';
import { type Batches, forEachBatch } from './batches.ts';
import { Means, numbersOf } from './means.ts';

/** Mean loss and metrics over batches. */
export interface Evaluation {
  /** Means of outputs that are single numbers, weighted by rows. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly batches: number;
  readonly partial: PartialReport;
  /** Whether the signal ended it: then there are more batches. */
  readonly isAborted: boolean;
}

/**
 * Runs the program `evaluate` over batches and gives the means of its outputs that are single numbers. A batch counts by its rows, with a
 * mask by those that the mask lets count. Errors as of `fit`.
 */
export async function evaluate(
  session: RunsPrograms,
  batches: Batches,
  options: BatchOptions & { readonly program?: string } = {},
): Promise<Evaluation> {
  const runner = new BatchRunner(session, options);
  const { program = 'evaluate', signal } = options;
  const size = batchSize(programOf(session.plan, program));
  const means = new Means();
  let count = 0;
  await forEachBatch(batches, 0, 1, signal, async (batch) => {
    const made = await runner.run(program, batch);
    if (made) {
      count++;
      means.add(numbersOf(made.outputs), made.counted ?? made.rows ?? size);
    }
    return true;
  });
  const { partial } = runner;
  const isAborted = signal?.aborted === true;
  return { metrics: means.values(), rows: means.weight, batches: count, partial, isAborted };
}

/** The first axis that most inputs with one share; 1 where none has any. */
function batchSize({ inputs }: PlanProgram): number {
  const counts = new Map<number, number>();
  for (const { shape, counter } of inputs)
    if (!counter && shape.length > 0) counts.set(shape[0], (counts.get(shape[0]) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? 1;
}
