import type { HostStore } from './host-store.ts';
import { nodeModule, nodeProcess } from './platform.ts';

const ZEROS_BYTES = 64 * 1024;

/**
 * A file of `bytes` bytes in `directory`, by default the system's folder of temporary files. A disk that is too small is known
 * before anything is written, and what is there is written in full at once, so that it is there when something runs. It has no name any more where the platform allows that,
 * and goes with the process in any case.
 */
export async function openNodeSpill(
  bytes: number,
  directory: string | undefined,
): Promise<HostStore> {
  const fs = await nodeModule<typeof import('node:fs')>('fs');
  const { join } = await nodeModule<typeof import('node:path')>('path');
  const { tmpdir } = await nodeModule<typeof import('node:os')>('os');
  const process = nodeProcess();
  const folder = directory ?? tmpdir();
  await checkRoom(fs, folder, bytes);
  const path = join(folder, `btc-${process.pid}-${crypto.randomUUID()}.spill`);
  const file = await fs.promises.open(path, 'wx+', 0o600);
  const remove = () => fs.rmSync(path, { force: true });
  process.on('exit', remove);
  const forget = () => {
    remove();
    process.off('exit', remove);
  };
  let pending = 0;
  let closed = false;
  const close = async () => {
    await file.close();
    forget();
  };
  const during = async (action: () => Promise<void>) => {
    if (closed) throw new Error('the spill file is closed');
    pending++;
    try {
      await action();
    } finally {
      pending--;
      if (closed && pending === 0) void close();
    }
  };
  const write = async (offset: number, source: Uint8Array) => {
    for (let done = 0; done < source.length; ) {
      const { bytesWritten } = await file.write(source, done, source.length - done, offset + done);
      if (bytesWritten === 0) throw new Error(`'${path}' takes no more bytes`);
      done += bytesWritten;
    }
  };
  const read = async (offset: number, target: Uint8Array) => {
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
      if (bytesRead === 0) throw new Error(`'${path}' ends at ${offset + done}`);
      done += bytesRead;
    }
  };
  try {
    const zeros = new Uint8Array(Math.min(bytes, ZEROS_BYTES));
    for (let done = 0; done < bytes; done += zeros.length)
      await write(done, zeros.subarray(0, bytes - done));
  } catch (error) {
    await close();
    throw error;
  }
  // Windows keeps the name of an open file: there it goes when the file is closed, or with the process.
  if (process.platform !== 'win32') forget();
  return {
    read: (offset, target) => during(() => read(offset, target)),
    write: (offset, source) => during(() => write(offset, source)),
    close() {
      if (closed) return;
      closed = true;
      if (pending === 0) void close();
    },
  };
}

/** So that a file which does not fit is not found out by filling the disk. */
async function checkRoom(
  fs: typeof import('node:fs'),
  folder: string,
  bytes: number,
): Promise<void> {
  // Not everything that calls itself Node has it.
  const found = await fs.promises.statfs?.(folder);
  const room = found ? found.bavail * found.bsize : Number.POSITIVE_INFINITY;
  if (bytes > room) throw new Error(`'${folder}' has room for ${room} bytes`);
}
