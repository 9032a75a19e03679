import { RuntimeError, reading } from '../errors.ts';
import { isNode, nodeModule } from '../platform.ts';
import { kindOf, ownBytes } from '../values.ts';
import { type BlobLike, type ByteSource, blobSource, bytesSource } from './byte-source.ts';
import { fileSource } from './file-source.ts';
import { openFile, type WeightsReader } from './reader.ts';
import { isIndex, openShards } from './shards.ts';
import { urlSource } from './url-source.ts';

/**
 * A safetensors file, or the index of several: bytes, a `Blob` or `File`, or an address, absolute or of the page's. In Node also the path
 * of a file, or its `file:` URL.
 */
export type WeightsSource =
  | Uint8Array
  | ArrayBuffer
  | BlobLike
  | { readonly href: string }
  | string;

/** What {@link openSafetensors} needs besides. */
export interface OpenOptions {
  /**
   * Of an index: the source of a file beside it by its name, as of `File`s that a user has chosen. By default the address or the path beside
   * the index's; bytes and Blobs have nothing beside them.
   */
  readonly file?: (name: string) => WeightsSource | Promise<WeightsSource>;
}

/**
 * Opens a safetensors file, or by its index (`*.index.json`) a model in several, and reads no more than the heads: `read(name)` then reads
 * one tensor. Addresses are read by ranges. The sums of btc's own files, which are of all their bytes, are not checked. Errors:
 * `invalid-checkpoint` for a file that breaks the format, `file-failed`, `invalid-input`.
 */
export async function openSafetensors(
  given: WeightsSource,
  options: OpenOptions = {},
): Promise<WeightsReader> {
  const file = reading('the options', () => fileOption(options));
  const source = await sourceOf(given);
  try {
    const start = await source.read(0, 8);
    if (!isIndex(start)) return await openFile(source, start);
    return await openShards(source, async (name) =>
      sourceOf(file ? await file(name) : await beside(given, name)),
    );
  } catch (error) {
    await source.close();
    throw error;
  }
}

function fileOption(options: OpenOptions): OpenOptions['file'] {
  if (typeof options !== 'object' || options === null)
    throw new RuntimeError(
      'invalid-input',
      `the options are an object, but ${kindOf(options)} was given`,
    );
  const { file } = options;
  if (file !== undefined && typeof file !== 'function')
    throw new RuntimeError('invalid-input', `'file' is a function, but ${kindOf(file)} was given`);
  return file;
}

async function sourceOf(given: WeightsSource): Promise<ByteSource> {
  const place = await placeOf(given);
  if (typeof place === 'string') return fileSource(place);
  if (place) return urlSource(place);
  const kind = kindOf(given);
  if (kind === 'Uint8Array') return bytesSource('the bytes', ownBytes(given, 'openSafetensors'));
  if (kind === 'ArrayBuffer') return bytesSource('the bytes', new Uint8Array(given as ArrayBuffer));
  if (kind === 'Blob' || kind === 'File') return blobSource(given as BlobLike);
  throw new RuntimeError(
    'invalid-input',
    `a safetensors file is given by its bytes, a Blob, its address${isNode() ? ' or its path' : ''}, but ${kind} was given`,
  );
}

/** The address that is meant, or in Node the path; null for what is neither. Error: `invalid-input`. */
async function placeOf(given: unknown): Promise<URL | string | null> {
  if (typeof given === 'string' && isNode() && !/^(?:https?|file|data|blob):/i.test(given))
    return given;
  const address = kindOf(given) === 'URL' ? (given as URL).href : given;
  const url = typeof address === 'string' ? absolute(address) : null;
  if (url?.protocol !== 'file:' || !isNode()) return url;
  const { fileURLToPath } = await nodeModule<typeof import('node:url')>('url');
  return fileURLToPath(url);
}

function absolute(address: string): URL {
  try {
    return new URL(address, (globalThis as { location?: { href: string } }).location?.href);
  } catch (error) {
    throw new RuntimeError('invalid-input', `'${address}' is no address`, { cause: error });
  }
}

/** What is beside an address or a path. Error: `invalid-input` for what has none. */
async function beside(given: WeightsSource, name: string): Promise<WeightsSource> {
  const place = await placeOf(given);
  if (typeof place === 'string') {
    const { dirname, join } = await nodeModule<typeof import('node:path')>('path');
    return join(dirname(place), name);
  }
  if (!place)
    throw new RuntimeError(
      'invalid-input',
      `the index names '${name}', and nothing is beside ${kindOf(given)}; pass 'file', which gives it by its name`,
    );
  const url = new URL(encodeURIComponent(name), place);
  // A token that the index was given with is for its files too.
  url.search = place.search;
  return url;
}
