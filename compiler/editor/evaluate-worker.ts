import { tuneEngine } from '../cli/engine.ts';
import { ownCode } from '../load/own-code.ts';

tuneEngine();
const { evaluateInThread } = await ownCode('evaluate-thread', () => import('./evaluate-thread.ts'))
  .code;
evaluateInThread();
