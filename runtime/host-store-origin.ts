import type { HostStore } from './host-store.ts';

// Files of the origin's private file system can be read and written in place in a worker alone; spill-worker.ts is one.

export type SpillRequest =
  | { readonly id: number; readonly kind: 'open'; readonly bytes: number }
  | { readonly id: number; readonly kind: 'read'; readonly offset: number; readonly bytes: number }
  | {
      readonly id: number;
      readonly kind: 'write';
      readonly offset: number;
      readonly source: Uint8Array<ArrayBuffer>;
    }
  | { readonly id: number; readonly kind: 'close' };

export interface SpillReply {
  readonly id: number;
  readonly error?: string;
  /** What was read. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
}

type Unnumbered<Request> = Request extends unknown ? Omit<Request, 'id'> : never;

/**
 * A file of `bytes` bytes in the private file system of the page's origin. It is removed when the store is closed; one that
 * a page has left behind, when the next one is made.
 */
export async function openOriginSpill(bytes: number): Promise<HostStore> {
  if (!globalThis.navigator?.storage?.getDirectory || typeof Worker === 'undefined')
    throw new Error("there is no file system here; pass 'openStore'");
  const worker = new Worker(new URL('./spill-worker.js', import.meta.url), { type: 'module' });
  const waiting = new Map<number, { resolve(reply: SpillReply): void; reject(e: Error): void }>();
  let failure: Error | null = null;
  const fail = (reason: string) => {
    failure ??= new Error(reason);
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  worker.onerror = ({ message }) => fail(message || 'the worker of the spill file does not load');
  worker.onmessage = ({ data }: MessageEvent<SpillReply>) => {
    const request = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error === undefined) request?.resolve(data);
    else request?.reject(new Error(data.error));
  };
  let last = 0;
  const ask = (request: Unnumbered<SpillRequest>, transfer: Transferable[] = []) =>
    new Promise<SpillReply>((resolve, reject) => {
      if (failure) throw failure;
      const id = ++last;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...request }, transfer);
    });
  try {
    await ask({ kind: 'open', bytes });
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return {
    async read(offset, target) {
      const reply = await ask({ kind: 'read', offset, bytes: target.length });
      target.set(reply.bytes!);
    },
    async write(offset, bytes) {
      const source = bytes.slice() as Uint8Array<ArrayBuffer>;
      await ask({ kind: 'write', offset, source }, [source.buffer]);
    },
    close() {
      if (failure) return;
      // The worker ends itself when it has removed the file.
      worker.postMessage({ id: 0, kind: 'close' } satisfies SpillRequest);
      fail('the spill file is closed');
    },
  };
}
