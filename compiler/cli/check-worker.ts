import { parentPort } from 'node:worker_threads';
import { modelChecks } from '../load/index.ts';
import type { CheckAnswer, CheckQuestion } from './checker.ts';

// The thread outlives the models that it checks, none of which it evaluates.
const checks = modelChecks();

parentPort!.on('message', async ({ file, project }: CheckQuestion) => {
  const answer = (said: CheckAnswer) => parentPort!.postMessage(said);
  try {
    const model = await checks.check(file, project);
    answer({ model, parsed: checks.parsed() });
  } catch (error) {
    answer({ error: error instanceof Error ? error : String(error) });
  }
});
