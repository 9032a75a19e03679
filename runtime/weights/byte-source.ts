import { RuntimeError } from '../errors.ts';

/** A file that is read in parts. */
export interface ByteSource {
  /** For messages. */
  readonly name: string;
  /** Null where it is not known. */
  readonly size: number | null;
  /** Bytes from `begin` to `end`, fewer where the file ends before. They stay as they are. Error: `file-failed`. */
  read(begin: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What the runtime uses of a `Blob` or `File`: declarations need none of the browser's. */
export interface BlobLike {
  readonly size: number;
  slice(begin: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** What has fewer bytes is read together with what follows. */
export const BLOCK_BYTES = 256 * 2 ** 10;

const nothing = async () => {};

/** Bytes in memory, which nobody changes. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  const read = async (begin: number, end: number) => bytes.subarray(begin, end);
  return { name, size: bytes.length, read, close: nothing };
}

/** A `Blob`, as a `File` that a user has chosen. */
export function blobSource(blob: BlobLike): ByteSource {
  const { name = 'the Blob' } = blob as { readonly name?: string };
  const read = async (begin: number, end: number) => {
    try {
      return new Uint8Array(await blob.slice(begin, end).arrayBuffer());
    } catch (error) {
      throw readFailed(name, (error as Error).message, error);
    }
  };
  return { name, size: blob.size, read: inBlocks(blob.size, read), close: nothing };
}

/** Error: `file-failed`. */
export function readFailed(name: string, reason: string, cause?: unknown): RuntimeError {
  return new RuntimeError('file-failed', `'${name}' cannot be read: ${reason}`, { cause });
}

/** Keeps one block, so that small tensors in a row are one read. `first` is the file's beginning, where it is there already. */
export function inBlocks(
  size: number | null,
  read: ByteSource['read'],
  first: Uint8Array = new Uint8Array(),
): ByteSource['read'] {
  let block = { begin: 0, bytes: first };
  return async (begin, end) => {
    const known = () => {
      const from = begin - block.begin;
      return from >= 0 && end - block.begin <= block.bytes.length
        ? block.bytes.subarray(from, from + end - begin)
        : null;
    };
    const found = known();
    if (found) return found;
    if (end - begin >= BLOCK_BYTES) return read(begin, end);
    const bytes = await read(
      begin,
      Math.min(begin + BLOCK_BYTES, size ?? Number.POSITIVE_INFINITY),
    );
    block = { begin, bytes };
    return bytes.subarray(0, end - begin);
  };
}
