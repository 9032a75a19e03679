import { RuntimeError } from '../errors.ts';
import { kindOf } from '../values.ts';
import type { RunsPrograms } from './batch-runner.ts';
import { type Batches, forEachBatch } from './batches.ts';
import { type FitOptions, type FitResult, Loop } from './loop.ts';

/**
 * Trains: runs the program `train` over batches, or `accumulate` and `update`, and tells how it goes. The next batch is made while the
 * device works.
 *
 * Errors: `unknown-name`, `invalid-input`, those of `Session.run`, and whatever batches and functions of the caller throw. What was
 * trained until then stays; gradients that were accumulated and that no update has used are forgotten.
 */
export async function fit(
  session: RunsPrograms,
  batches: Batches,
  options: FitOptions = {},
): Promise<FitResult> {
  const { epochs = 1, steps, accumulate = 1, from = 0, signal } = checkedOptions(options);
  for (const [name, value, least] of [
    ['epochs', epochs, 1],
    ['steps', steps ?? 1, 1],
    ['accumulate', accumulate, 1],
    ['from', from, 0],
    ['checkpoint.every', options.checkpoint?.every ?? 1, 1],
  ] as const)
    checkCount(name, value, least);
  const loop = new Loop(session, options);
  let epoch = 0;
  try {
    for (; epoch < epochs && !loop.isDone; epoch++) {
      loop.beginEpoch(epoch);
      await forEachBatch(batches, epoch, epochs, signal, async (batch) => {
        await loop.take(batch);
        return !loop.isDone;
      });
      await loop.flush();
    }
  } catch (error) {
    await loop.clear();
    throw error;
  }
  return loop.finish(epoch);
}

function checkedOptions(options: FitOptions): FitOptions {
  if (typeof options !== 'object' || options === null)
    throw new RuntimeError(
      'invalid-input',
      `options are an object, but ${kindOf(options)} was given`,
    );
  const { schedule, onStep, log, checkpoint } = options;
  const functions = {
    schedule,
    onStep,
    log,
    ...(checkpoint && { 'checkpoint.save': checkpoint.save }),
  };
  for (const [name, value] of Object.entries(functions))
    if (typeof value !== 'function' && (value !== undefined || name === 'checkpoint.save'))
      throw new RuntimeError(
        'invalid-input',
        `'${name}' is a function, but ${kindOf(value)} was given`,
      );
  return options;
}

function checkCount(name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new RuntimeError(
    'invalid-input',
    `'${name}' is a whole number from ${least} on, but ${typeof value === 'number' ? value : kindOf(value)} was given`,
  );
}
