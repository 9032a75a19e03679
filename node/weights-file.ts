import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ByteSource, inBlocks } from '../runtime/weights/byte-source.ts';
import {
  besideUrl,
  type Opener,
  type OpenOptions,
  openWith,
  urlOf,
  type WeightsSource,
} from '../runtime/weights/open.ts';
import type { WeightsReader } from '../runtime/weights/reader.ts';
import { urlSource } from '../runtime/weights/url-source.ts';
import { failed } from './checkpoint-file.ts';

/**
 * As `openSafetensors` of `btc-compiler/runtime/weights`, and of files: by a path or a `file:` URL. The files of an index are beside it.
 * Nothing but the heads is read before tensors are asked for; `close` closes the files. Errors: `invalid-checkpoint`, `file-failed`,
 * `invalid-input`.
 */
export function openSafetensors(
  source: WeightsSource,
  options: OpenOptions = {},
): Promise<WeightsReader> {
  return openWith(NODE, source, options);
}

/** The path that is meant, or null for an address. */
function pathOf(given: unknown): string | null {
  const isPath = typeof given === 'string' && !/^(?:https?|file|data|blob):/i.test(given);
  if (isPath) return given;
  const url = urlOf(given);
  return url?.protocol === 'file:' ? fileURLToPath(url) : null;
}

const NODE: Opener = {
  source: (given) => {
    const path = pathOf(given);
    if (path !== null) return fileSource(path);
    const url = urlOf(given);
    return url && urlSource(url);
  },
  beside: (given, name) => {
    const path = pathOf(given);
    return path === null ? besideUrl(given, name) : join(dirname(path), name);
  },
};

/** A regular file. Pipes and devices, which may never end, are refused without waiting for them. */
async function fileSource(path: string): Promise<ByteSource> {
  const cannot = (error: unknown) => failed(`'${path}' cannot be read`, error);
  try {
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = await file.stat();
    if (!found.isFile()) {
      await file.close();
      throw new Error('it is not a regular file');
    }
    const read = async (begin: number, end: number) => {
      try {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, found.size) - begin));
        let length = 0;
        for (let more = -1; length < bytes.length && more !== 0; length += more)
          more = (await file.read(bytes, length, bytes.length - length, begin + length)).bytesRead;
        return bytes.subarray(0, length);
      } catch (error) {
        if (error instanceof RangeError) throw error;
        throw cannot(error);
      }
    };
    return {
      name: path,
      size: found.size,
      read: inBlocks(found.size, read),
      close: () => file.close(),
    };
  } catch (error) {
    throw cannot(error);
  }
}
