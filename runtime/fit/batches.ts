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
  addEventListener?(type: 'abort', heard: () => void, options?: { readonly once: boolean }): void;
  removeEventListener?(type: 'abort', heard: () => void): void;
}

/** What a promise gives; null once the signal says to end, whatever becomes of the promise. */
async function untilAborted<T>(
  promise: Promise<T>,
  signal: StopSignal | undefined,
): Promise<T | null> {
  if (signal?.aborted) return null;
  if (!signal?.addEventListener) return promise;
  let heard = () => {};
  const aborted = new Promise<null>((resolve) => {
    heard = () => resolve(null);
    signal.addEventListener?.('abort', heard, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener?.('abort', heard);
  }
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
  let isMaking = false;
  const make = (): Promise<IteratorResult<Batch>> => {
    isMaking = true;
    // An error of the batch that is made meanwhile is heard after that of the one before, also one that is thrown at once.
    const next = new Promise<IteratorResult<Batch>>((resolve) => {
      resolve(iterator.next());
    }).finally(() => {
      isMaking = false;
    });
    next.catch(() => {});
    return next;
  };
  try {
    let next = await untilAborted(make(), signal);
    while (next && !next.done && !signal?.aborted) {
      const taken = take(next.value);
      const following = make();
      if (!(await taken)) return;
      next = await untilAborted(following, signal);
    }
    isWhole = next?.done === true;
  } finally {
    const ended = isWhole ? undefined : Promise.resolve(iterator.return?.());
    // A generator that makes a batch ends when that is made, and it may never be.
    if (isMaking) ended?.catch(() => {});
    else await ended;
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
