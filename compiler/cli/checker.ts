import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { CheckedModel } from '../load/checked.ts';

export interface CheckQuestion {
  readonly file: string;
  readonly project: string | undefined;
}

/** What the type checker found. */
export interface CheckFinding {
  readonly model: CheckedModel;
  /** How many files it has parsed since it started. */
  readonly parsed: number;
}

/** `error` is what btc itself failed with. */
export type CheckAnswer = CheckFinding | { readonly error: unknown };

/** A thread that type-checks one model after the other. */
export interface Checker {
  /** One question at a time. @throws what btc itself failed with */
  check(file: string, project?: string): Promise<CheckFinding>;
  end(): Promise<unknown>;
}

/**
 * Starts a type checker that keeps what it knows from one build to the next: TypeScript is loaded once, and of a model that was
 * changed, what changed is parsed again. It does not keep the process alive.
 */
export function startChecker(): Checker {
  const entry = import.meta.url.endsWith('.ts') ? './check-worker.ts' : './check-worker.js';
  const worker = new Worker(new URL(entry, import.meta.url));
  worker.unref();
  return {
    async check(file, project) {
      worker.ref();
      try {
        const answered = once(worker, 'message');
        worker.postMessage({ file, project } satisfies CheckQuestion);
        const [answer]: CheckAnswer[] = await answered;
        if ('error' in answer) throw answer.error;
        return answer;
      } finally {
        worker.unref();
      }
    },
    end: () => worker.terminate(),
  };
}
