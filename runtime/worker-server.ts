import { loadBuilt } from './built.ts';
import { ownBuffers } from './copies.ts';
import { errorText, type RuntimeError, type RuntimeErrorCode } from './errors.ts';
import type { FoundGpu } from './gpu.ts';
import type { TargetModules } from './load.ts';
import { isNode, nodeModule } from './platform.ts';
import type { Session } from './session.ts';
import type { SentError, SessionFacts, WorkerReply, WorkerRequest } from './worker-calls.ts';

type Post = (reply: WorkerReply, transfer?: ArrayBuffer[]) => void;

/** What a worker of `loadInWorker` has in it. */
export interface WorkerParts {
  readonly targets: TargetModules;
  readonly findGpu?: () => Promise<FoundGpu>;
}

/** The whole of a worker: loads the one session that it is asked for and does its calls, in their order. */
export function serve(parts: WorkerParts): void {
  const scope = globalThis as unknown as {
    onmessage: ((event: { data: WorkerRequest }) => void) | null;
    postMessage?: (reply: WorkerReply, transfer: ArrayBuffer[]) => void;
  };
  // Before the first await: messages that nobody hears are lost.
  if (scope.postMessage) {
    const answer = createAnswer(parts, (reply, transfer = []) =>
      scope.postMessage!(reply, transfer),
    );
    scope.onmessage = ({ data }) => void answer(data);
  } else if (isNode()) void serveThread(parts);
}

async function serveThread(parts: WorkerParts): Promise<void> {
  const { parentPort } = await nodeModule<typeof import('node:worker_threads')>('worker_threads');
  const answer = createAnswer(parts, (reply, transfer = []) =>
    parentPort!.postMessage(reply, transfer),
  );
  parentPort!.on('message', (request: WorkerRequest) => void answer(request));
}

/** Sessions keep the order of calls themselves: none is waited for before the next is made. */
function createAnswer(parts: WorkerParts, post: Post): (request: WorkerRequest) => Promise<void> {
  let session: Promise<Session> | null = null;
  const resultOf = async (request: WorkerRequest): Promise<unknown> => {
    switch (request.kind) {
      case 'load': {
        const { name, digests, addresses, options } = request;
        session = loadBuilt(
          { name, digests, files: {}, ...parts },
          {
            ...options,
            base: (file) => addresses[file],
            onFallback: (fallback) => post({ fallback }),
            onProgress: (progress) => post({ progress }),
          },
        );
        return factsOf(await session);
      }
      case 'call': {
        const open = await session!;
        const method = open[request.method] as (...args: unknown[]) => Promise<unknown>;
        return method.apply(open, [...request.args]);
      }
      case 'destroy':
        return (await session)?.destroy();
    }
  };
  return async (request) => {
    const { id } = request;
    try {
      const result = await resultOf(request);
      post({ id, result }, ownBuffers(result));
    } catch (error) {
      post({ id, error: sentError(error) });
    }
  };
}

function factsOf(session: Session): SessionFacts {
  const { plan, description, allocatedBytes, hostBytes, restored } = session;
  return { plan, description, allocatedBytes, hostBytes, restored };
}

function sentError(error: unknown): SentError {
  return { code: codeOf(error), message: errorText(error) };
}

/** By name, as a bundle may hold the class more than once; WebAssembly's own error of that name has no code. */
function codeOf(error: unknown): RuntimeErrorCode | null {
  const { name, code } = error instanceof Error ? (error as Partial<RuntimeError>) : {};
  return name === 'RuntimeError' && typeof code === 'string' ? code : null;
}
