import type { Diagnostic } from '../diagnostics.ts';
import { strayDiagnostic, wasTold } from '../load/index.ts';

/** Of the first Node makes the second with an error of its own, unless somebody listens to it. */
const EVENTS = ['unhandledRejection', 'uncaughtException'];

/**
 * Runs `task`; gives its result, and what a model's code throws meanwhile where nobody can catch it, in a timer or in a promise
 * that is not awaited. Node would end the thread over that.
 */
export async function withStrayErrors<T>(
  task: () => Promise<T>,
): Promise<{ result: T; found: readonly Diagnostic[] }> {
  const errors: unknown[] = [];
  const listen = (error: unknown) => errors.push(error);
  for (const event of EVENTS) process.on(event, listen);
  try {
    const result = await task();
    // Timers of the model that are due fire before this one.
    await new Promise((resolve) => setTimeout(resolve, 1));
    // Node says twice what a CommonJS file throws that a module imports.
    const found = errors.filter((error) => !wasTold(error)).map(strayDiagnostic);
    return { result, found };
  } finally {
    for (const event of EVENTS) process.off(event, listen);
  }
}
