import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
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
  end(): Promise<void>;
}

/**
 * Starts a type checker that keeps what it knows from one build to the next: TypeScript is loaded once, and of a model that was
 * changed, what changed is parsed again. It does not keep the process alive.
 */
export function startChecker(): Checker {
  const entry = import.meta.url.endsWith('.ts')
    ? '../cli/check-worker.ts'
    : '../cli/check-worker.js';
  const worker = new Worker(new URL(entry, import.meta.url));
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ port: port2 }, [port2]);
  const ended = new Promise<never>((_, reject) => {
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`the type checker ended with code ${code}`)));
  });
  ended.catch(() => {});
  worker.unref();
  port1.unref();
  return {
    async check(file, project) {
      worker.ref();
      try {
        const answered = once(port1, 'message');
        port1.postMessage({ file, project } satisfies CheckQuestion);
        const [answer]: CheckAnswer[] = await Promise.race([answered, ended]);
        if ('error' in answer) throw answer.error;
        return answer;
      } finally {
        worker.unref();
        port1.unref();
      }
    },
    async end() {
      port1.close();
      await worker.terminate();
    },
  };
}
