import { errorText } from '../errors.ts';
import { nodeModule } from '../platform.ts';
import { type ByteSource, inBlocks, readFailed } from './byte-source.ts';

/** A regular file, in Node. Pipes and devices, which may never end, are refused without waiting for them. Error: `file-failed`. */
export async function fileSource(path: string): Promise<ByteSource> {
  const { constants } = await nodeModule<typeof import('node:fs')>('fs');
  const { open } = await nodeModule<typeof import('node:fs/promises')>('fs/promises');
  const cannot = (error: unknown) => readFailed(path, reasonOf(error), error);
  try {
    // Not blocking, as a pipe would.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = await file.stat();
    if (!found.isFile()) {
      await file.close();
      throw new Error('it is not a regular file');
    }
    const { size } = found;
    const read = async (begin: number, end: number) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - begin));
      try {
        let length = 0;
        for (let more = -1; length < bytes.length && more !== 0; length += more)
          more = (await file.read(bytes, length, bytes.length - length, begin + length)).bytesRead;
        return bytes.subarray(0, length);
      } catch (error) {
        throw cannot(error);
      }
    };
    return { name: path, size, read: inBlocks(size, read), close: () => file.close() };
  } catch (error) {
    throw cannot(error);
  }
}

const reasonOf = (error: unknown): string =>
  (error as { code?: unknown }).code === 'ENOENT' ? 'there is no such file' : errorText(error);
