import { RuntimeError } from '../errors.ts';
import { kindOf } from '../values.ts';
import type { Batch } from './partial-batch.ts';

/** Batches in order, or a function of the epoch that gives them: what can be read only once needs one where there are several epochs. */
export type Batches =
  | Iterable<Batch>
  | AsyncIterable<Batch>
  | ((epoch: number) => Iterable<Batch> | AsyncIterable<Batch>);

/** Says whether to end: an `AbortSignal` is one. */
export interface StopSignal {
  readonly aborted: boolean;
}

/** Calls `take` with each batch while the next one is being made, until it gives false or the signal ends it. */
export async function forEachBatch(
  batches: Batches,
  epoch: number,
  epochs: number,
  signal: StopSignal | undefined,
  take: (batch: Batch) => Promise<boolean>,
): Promise<void> {
  const iterator = iteratorOf(batches, epoch, epochs);
  let isWhole = false;
  try {
    let next = await iterator.next();
    while (!next.done && !signal?.aborted) {
      const taken = take(next.value);
      // An error of the batch that is made meanwhile is heard after that of this one.
      const following = Promise.resolve(iterator.next());
      following.catch(() => {});
      if (!(await taken)) return;
      next = await following;
    }
    isWhole = next.done === true;
  } finally {
    if (!isWhole) await iterator.return?.();
  }
}

function iteratorOf(
  batches: Batches,
  epoch: number,
  epochs: number,
): Iterator<Batch> | AsyncIterator<Batch> {
  const given = typeof batches === 'function' ? batches(epoch) : batches;
  const source = given as Partial<Iterable<Batch> & AsyncIterable<Batch>> | null | undefined;
  const iterator = source?.[Symbol.asyncIterator]?.() ?? source?.[Symbol.iterator]?.();
  if (!iterator)
    throw new RuntimeError(
      'invalid-input',
      `batches are an iterable, or a function of the epoch that gives one, but ${kindOf(given)} was given`,
    );
  if (epochs > 1 && typeof batches !== 'function' && (iterator as unknown) === batches)
    throw new RuntimeError(
      'invalid-input',
      `these batches can be gone through only once; give a function that makes them anew for each of ${epochs} epochs`,
    );
  return iterator;
}
