import type { Diagnostic } from '../diagnostics.ts';
import { evaluationDiagnostic } from '../reporting/report.ts';

/**
 * Runs `task`; gives its result, and what a model's code throws meanwhile where nobody can catch it, in a timer or in a promise
 * that is not awaited. Node would end the thread over that.
 */
export async function withStrayErrors<T>(
  task: () => Promise<T>,
): Promise<{ result: T; found: readonly Diagnostic[] }> {
  const found: Diagnostic[] = [];
  const listen = (error: unknown) => found.push(evaluationDiagnostic(error));
  process.on('uncaughtException', listen);
  try {
    const result = await task();
    // Timers of the model that are due fire before this one.
    await new Promise((resolve) => setTimeout(resolve, 1));
    return { result, found };
  } finally {
    process.off('uncaughtException', listen);
  }
}
