// The worker that holds the spill file of one session; host-store-origin.ts talks to it.
import type { SpillReply, SpillRequest } from './host-store-origin.ts';

/** A `FileSystemSyncAccessHandle`, which the types of a page do not have. */
interface SyncAccess {
  read(target: Uint8Array, at: { at: number }): number;
  write(source: Uint8Array, at: { at: number }): number;
  truncate(bytes: number): void;
  flush(): void;
  close(): void;
}
type SyncFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };
type WorkerScope = {
  onmessage: ((event: MessageEvent<SpillRequest>) => void) | null;
  postMessage(reply: SpillReply, transfer?: Transferable[]): void;
  close(): void;
};

const FOLDER = 'btc-spill';
const scope = globalThis as unknown as WorkerScope;
let spill: { folder: FileSystemDirectoryHandle; name: string; access: SyncAccess } | null = null;

/** Removes the files that no worker holds any more, and makes one. */
async function open(bytes: number): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  // One at a time: a file that another worker has made but not yet opened would look left behind.
  await navigator.locks.request(FOLDER, async () => {
    const names: string[] = [];
    const entries = folder as unknown as { keys(): AsyncIterable<string> };
    for await (const name of entries.keys()) names.push(name);
    await Promise.all(names.map((name) => folder.removeEntry(name).catch(() => {})));
    const name = `${crypto.randomUUID()}.spill`;
    const file = (await folder.getFileHandle(name, { create: true })) as SyncFile;
    spill = { folder, name, access: await file.createSyncAccessHandle() };
  });
  spill!.access.truncate(bytes);
}

async function close(): Promise<void> {
  if (!spill) return;
  spill.access.close();
  await spill.folder.removeEntry(spill.name).catch(() => {});
  spill = null;
}

async function answer(request: SpillRequest): Promise<Omit<SpillReply, 'id'>> {
  switch (request.kind) {
    case 'open':
      await open(request.bytes);
      return {};
    case 'close':
      await close();
      return {};
    case 'read': {
      const bytes = new Uint8Array(request.bytes);
      const count = spill!.access.read(bytes, { at: request.offset });
      if (count !== bytes.length) throw new Error(`the spill file gives ${count} bytes`);
      return { bytes };
    }
    case 'write': {
      const { source, offset } = request;
      const count = spill!.access.write(source, { at: offset });
      if (count !== source.length) throw new Error(`the spill file takes ${count} bytes`);
      return {};
    }
  }
}

scope.onmessage = async ({ data: request }) => {
  const { id } = request;
  try {
    const reply = await answer(request);
    scope.postMessage({ id, ...reply }, reply.bytes ? [reply.bytes.buffer] : []);
  } catch (error) {
    if (request.kind === 'open') await close();
    scope.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
  if (request.kind === 'close') scope.close();
};
