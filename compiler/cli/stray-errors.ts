import type { Diagnostic } from '../diagnostics.ts';
import { wasTold } from '../load/index.ts';
import { evaluationDiagnostic } from '../reporting/report.ts';

/**
 * Runs `task`; gives its result, and what a model's code throws meanwhile where nobody can catch it, in a timer or in a promise
 * that is not awaited. Node would end the thread over that.
 */
export async function withStrayErrors<T>(
  task: () => Promise<T>,
): Promise<{ result: T; found: readonly Diagnostic[] }> {
  const errors: unknown[] = [];
  const listen = (error: unknown) => errors.push(error);
  process.on('uncaughtException', listen);
  try {
    const result = await task();
    // Timers of the model that are due fire before this one.
    await new Promise((resolve) => setTimeout(resolve, 1));
    // Node says twice what a CommonJS file throws that a module imports.
    const found = errors
      .filter((error) => !wasTold(error))
      .map((error) => evaluationDiagnostic(error));
    return { result, found };
  } finally {
    process.off('uncaughtException', listen);
  }
}
