import { workerData } from 'node:worker_threads';
import { ownCode } from '../load/own-code.ts';
import { tuneEngine } from './engine.ts';

tuneEngine();
const { code, keep } = ownCode('build-thread', () => import('./build-thread.ts'), workerData);
const { buildInThread } = await code;
buildInThread(keep);
