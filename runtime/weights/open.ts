import { RuntimeError, reading } from '../errors.ts';
import { kindOf, ownBytes } from '../values.ts';
import { type ByteSource, blobSource, bytesSource } from './byte-source.ts';
import { openFile, type WeightsReader } from './reader.ts';
import { isIndex, type OpenShard, openShards } from './shards.ts';
import { urlSource } from './url-source.ts';

/** A safetensors file, or the index of several: bytes, a `Blob` or `File`, or an address, absolute or of the page's. */
export type WeightsSource = Uint8Array | ArrayBuffer | Blob | URL | string;

/** What {@link openSafetensors} needs besides. */
export interface OpenOptions {
  /**
   * Of an index: the source of a file beside it by its name. By default the address beside the index's, or in Node the file in its folder;
   * bytes and Blobs have nothing beside them.
   */
  readonly file?: (name: string) => WeightsSource | Promise<WeightsSource>;
}

/** What opens sources: what a platform adds is asked first, and gives null for what is not its own. */
export interface Opener {
  readonly source: (given: unknown) => Promise<ByteSource | null> | null;
  /** Opens what is beside a source. */
  readonly beside: (given: unknown, name: string) => unknown;
}

/**
 * Opens a safetensors file, or by its index a model in several, without reading more than the heads: `read(name)` then reads one tensor.
 * Addresses are read by ranges. The sums of checkpoints are not checked. Errors: `invalid-checkpoint` for a file that breaks the format,
 * `file-failed`, `invalid-input`.
 */
export function openSafetensors(
  source: WeightsSource,
  options: OpenOptions = {},
): Promise<WeightsReader> {
  return openWith(WEB, source, options);
}

/** {@link openSafetensors} on a platform. */
export async function openWith(
  opener: Opener,
  given: unknown,
  options: OpenOptions,
): Promise<WeightsReader> {
  const file = reading('the options', () => fileOption(options));
  const source = await sourceOf(opener, given);
  try {
    const start = await source.read(0, 8);
    if (!isIndex(start)) return await openFile(source, start);
    const openShard: OpenShard = async (name) =>
      sourceOf(opener, file ? await file(name) : opener.beside(given, name));
    return await openShards(source, openShard);
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

async function sourceOf(opener: Opener, given: unknown): Promise<ByteSource> {
  const own = await opener.source(given);
  if (own) return own;
  const kind = kindOf(given);
  if (kind === 'Uint8Array') return bytesSource('the bytes', ownBytes(given, 'openSafetensors'));
  if (kind === 'ArrayBuffer') return bytesSource('the bytes', new Uint8Array(given as ArrayBuffer));
  if (kind === 'Blob' || kind === 'File') return blobSource(given as Blob);
  throw new RuntimeError(
    'invalid-input',
    `a safetensors file is given by its bytes, a Blob, a URL or its address, but ${kind} was given`,
  );
}

/** The address as a URL, where one is given. */
export function urlOf(given: unknown): URL | null {
  if (given instanceof URL) return given;
  if (typeof given !== 'string') return null;
  try {
    return new URL(given, (globalThis as { location?: { href: string } }).location?.href);
  } catch (error) {
    throw new RuntimeError('invalid-input', `'${given}' is no address`, { cause: error });
  }
}

/** What is beside an address. Error: `invalid-input` for what has none. */
export function besideUrl(given: unknown, name: string): URL {
  const url = urlOf(given);
  if (url) {
    const beside = new URL(encodeURIComponent(name), url);
    // As a signed address has it.
    if (beside.search === '') beside.search = url.search;
    return beside;
  }
  throw new RuntimeError(
    'invalid-input',
    `the index names '${name}', and nothing is beside ${kindOf(given)}; pass 'file', which gives it by its name`,
  );
}

const WEB: Opener = {
  source: (given) => {
    const url = urlOf(given);
    return url && urlSource(url);
  },
  beside: besideUrl,
};
