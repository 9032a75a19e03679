import { ownCode } from '../load/own-code.ts';
import { tuneEngine } from './engine.ts';

tuneEngine();
const { checkInThread } = await ownCode('check-thread', () => import('./check-thread.ts')).code;
checkInThread();
