import type { Diagnostic } from '../diagnostics.ts';
import { evaluationDiagnostic } from '../frontend/context.ts';

/**
 * Errors that a model's code throws where nobody can catch them, in a timer or in a promise that is not awaited. Node would
 * end the process over them.
 */
export interface StrayErrors {
  /** Runs `task`; gives its result, and what was thrown meanwhile. */
  during<T>(task: () => Promise<T>): Promise<{ result: T; found: readonly Diagnostic[] }>;
}

/** Listens for the rest of the process. `late` is told what is thrown outside of {@link StrayErrors.during}. */
export function catchStrayErrors(late: (found: Diagnostic) => void): StrayErrors {
  let found: Diagnostic[] | null = null;
  process.on('uncaughtException', (error) => {
    const problem = evaluationDiagnostic(error);
    if (found) found.push(problem);
    else late(problem);
  });
  return {
    async during(task) {
      const own: Diagnostic[] = [];
      found = own;
      try {
        const result = await task();
        // Timers of the model that are due fire before this one.
        await new Promise((resolve) => setTimeout(resolve, 1));
        return { result, found: own };
      } finally {
        found = null;
      }
    },
  };
}
