import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';

/** Limit on the bytes of a file that is read as text, below the longest string of the engine. */
export const MOST_TEXT_BYTES = 256 * 2 ** 20;
/** Limit on the bytes of any file: what one array holds. */
const MOST_BYTES = 2 ** 32;
/** Less than the most that a system reads at a time. */
const CHUNK_BYTES = 2 ** 30;

/**
 * The bytes of a regular file. Pipes, devices and folders, which may never end, are refused without waiting for them.
 *
 * @throws an error of the file system, with its `code`, or one whose message says what is wrong with the file
 */
export async function readRegularFile(
  path: string,
  most = MOST_BYTES,
): Promise<Uint8Array<ArrayBuffer>> {
  refuseOthers(await stat(path));
  // Not blocking: another file may have taken the place meanwhile.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const found = await file.stat();
    refuseOthers(found);
    if (found.size > most)
      throw new Error(`it has ${found.size} bytes, and files of at most ${most} are read`);
    const bytes = new Uint8Array(found.size);
    let end = 0;
    for (let read = -1; end < bytes.length && read !== 0; end += read)
      read = (await file.read(bytes, end, Math.min(bytes.length - end, CHUNK_BYTES), end))
        .bytesRead;
    return bytes.subarray(0, end);
  } finally {
    await file.close();
  }
}

function refuseOthers(found: { isFile(): boolean; isDirectory(): boolean }): void {
  if (found.isFile()) return;
  throw new Error(found.isDirectory() ? 'it is a folder' : 'it is a pipe or a device, not a file');
}

/** Whether {@link readRegularFile} could read now. @throws as it does */
export async function checkRegular(path: string): Promise<void> {
  refuseOthers(await stat(path));
  await access(path, constants.R_OK);
}

/** The same as text. */
export async function readRegularText(path: string): Promise<string> {
  return new TextDecoder().decode(await readRegularFile(path, MOST_TEXT_BYTES));
}
