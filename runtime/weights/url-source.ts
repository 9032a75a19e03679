import { errorText, RuntimeError } from '../errors.ts';
import { BLOCK_BYTES, type ByteSource, bytesSource, inBlocks, readFailed } from './byte-source.ts';

/**
 * A file that a server gives in ranges. The first block tells its size, where the server says it. One that gives whole files alone is
 * refused, but for small files. Error: `file-failed`.
 */
export async function urlSource(url: URL): Promise<ByteSource> {
  const name = url.href;
  const first = await request(url, 0, BLOCK_BYTES);
  if (first.whole) return bytesSource(name, first.bytes);
  const read = async (begin: number, end: number) => {
    const { bytes, tag, whole } = await request(url, begin, end);
    if (whole || tag !== first.tag)
      throw readFailed(name, 'it was changed while it was read; open it again');
    return bytes;
  };
  const { size } = first;
  return { name, size, read: inBlocks(size, read, first.bytes), close: async () => {} };
}

interface Answer {
  readonly bytes: Uint8Array;
  readonly size: number | null;
  /** Whether it is all of the file, of a server without ranges. */
  readonly whole: boolean;
  /** Changes with the file, where the server says it. */
  readonly tag: string | null;
}

async function request(url: URL, begin: number, end: number): Promise<Answer> {
  const fail = (reason: string, cause?: unknown): never => {
    throw readFailed(url.href, reason, cause);
  };
  try {
    const response = await fetch(url, { headers: { range: `bytes=${begin}-${end - 1}` } });
    const { status, statusText, headers } = response;
    if (status !== 206) {
      const mayBeSmall = Number(headers.get('content-length') ?? 0) <= BLOCK_BYTES;
      const isWhole = status === 200 && begin === 0 && mayBeSmall;
      const whole = isWhole ? await limited(response, BLOCK_BYTES) : null;
      if (whole) return { bytes: whole, whole: true, size: null, tag: null };
      response.body?.cancel().catch(() => {});
      return fail(
        status === 200
          ? 'its server gives the whole file alone, not ranges of it (status 200 to a request of a range); fetch it and give a Blob'
          : `its server says ${status} ${statusText}`.trimEnd(),
      );
    }
    const size = placed(headers.get('content-range'), begin, fail);
    const bytes = await limited(response, end - begin);
    if (!bytes)
      return fail(`its server gave more than the ${end - begin} bytes that were asked for`);
    const tag = headers.get('etag') ?? headers.get('last-modified');
    return { bytes, size, whole: false, tag };
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    return fail(errorText(error), error);
  }
}

/** The size of the file by `bytes 0-99/1234`; null where the server hides it. */
function placed(
  range: string | null,
  begin: number,
  fail: (reason: string) => never,
): number | null {
  if (range === null) return null;
  const [, from, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  if (Number(from) !== begin) return fail(`its server gave another range, '${range}'`);
  return size === '*' ? null : Number(size);
}

/** The body, which is not read further than it may be long; null where it is longer. */
async function limited(response: Response, most: number): Promise<Uint8Array | null> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value);
    length += next.value.length;
    if (length <= most) continue;
    await reader.cancel();
    return null;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
