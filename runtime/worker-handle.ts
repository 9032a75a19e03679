import { errorText, RuntimeError } from './errors.ts';
import { isNode, nodeModule, nodeProcess } from './platform.ts';
import type { WorkerReply, WorkerRequest } from './worker-calls.ts';

/** A Web Worker or a thread of Node, alike. */
export interface WorkerHandle<Request = WorkerRequest, Reply = WorkerReply> {
  /** @throws what cannot be cloned */
  post(request: Request, transfer: readonly ArrayBuffer[]): void;
  /** `lost` is told once, if the worker does not start or ends by itself. */
  listen(heard: (reply: Reply) => void, lost: (reason: string) => void): void;
  /** Whether the process waits for the worker; pages do not. */
  hold(wanted: boolean): void;
  end(): void;
}

type Thread = import('node:worker_threads').Worker;
/** Some platforms have more than the standard: whether the process waits for it. */
type WebWorker = Worker & { ref?(): void; unref?(): void };

/** Error: `worker-lost`. */
export async function openWorker<Request = WorkerRequest, Reply = WorkerReply>(
  start: (() => unknown) | undefined,
): Promise<WorkerHandle<Request, Reply>> {
  try {
    if (!start) throw new Error('the build has none; build the model again');
    const worker = typeof Worker === 'undefined' && isNode() ? await inNode(start) : start();
    return isThread(worker) ? threadHandle(worker) : webHandle(worker as WebWorker);
  } catch (error) {
    throw new RuntimeError('worker-lost', `the worker does not start: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function isThread(worker: unknown): worker is Thread {
  return !('addEventListener' in (worker as object));
}

/** Loaders say `new Worker(new URL(…), …)`, which bundlers look for; Node has that name while they say it. */
async function inNode(start: () => unknown): Promise<unknown> {
  const threads = await nodeModule<typeof import('node:worker_threads')>('worker_threads');
  // A thread takes the flags of the process, and cannot take this one.
  const own = nodeProcess().execArgv.some((flag) => flag.startsWith('--input-type'));
  const scope = globalThis as { Worker?: unknown };
  scope.Worker = class extends threads.Worker {
    constructor(url: URL) {
      super(url, own ? { execArgv: [] } : {});
    }
  };
  try {
    return start();
  } finally {
    delete scope.Worker;
  }
}

function threadHandle<Request, Reply>(worker: Thread): WorkerHandle<Request, Reply> {
  return {
    post: (request, transfer) => worker.postMessage(request, transfer),
    listen(heard, lost) {
      worker.on('message', heard);
      worker.on('error', (error) => lost(errorText(error)));
      worker.on('messageerror', (error) => lost(errorText(error)));
      worker.on('exit', (code) => lost(`it ended with exit code ${code}`));
    },
    hold: (wanted) => (wanted ? worker.ref() : worker.unref()),
    end: () => void worker.terminate(),
  };
}

function webHandle<Request, Reply>(worker: WebWorker): WorkerHandle<Request, Reply> {
  return {
    post: (request, transfer) => worker.postMessage(request, [...transfer]),
    listen(heard, lost) {
      worker.onmessage = ({ data }) => heard(data);
      worker.onmessageerror = () => lost('its message cannot be read');
      worker.onerror = (event) => {
        event.preventDefault?.();
        lost(event.message || 'its script does not load');
      };
    },
    hold: (wanted) => (wanted ? worker.ref?.() : worker.unref?.()),
    end: () => worker.terminate(),
  };
}
