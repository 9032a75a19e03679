import { type MessagePort, parentPort } from 'node:worker_threads';
import { modelChecks } from '../load/index.ts';
import type { CheckAnswer, CheckQuestion } from './checker.ts';

/** Answers what types say of models. The thread outlives the models that it checks, none of which it evaluates. */
export function checkInThread(): void {
  const checks = modelChecks();
  parentPort!.once('message', ({ port }: { port: MessagePort }) => {
    const answer = (said: CheckAnswer) => port.postMessage(said);
    port.on('message', async ({ file, project }: CheckQuestion) => {
      try {
        const model = await checks.check(file, project);
        answer({ model, parsed: checks.parsed() });
      } catch (error) {
        answer({ error: error instanceof Error ? error : String(error) });
      }
    });
  });
}
