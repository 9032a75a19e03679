import { isBareFileName } from '../../ir/file-name.ts';
import { duplicateKey } from '../../ir/json-keys.ts';
import { shortName } from '../../ir/shorten.ts';
import { unknownName } from '../names.ts';
import type { ByteSource } from './byte-source.ts';
import { openFile, readAll, refuseFile, type WeightsReader, type WeightsTensor } from './reader.ts';

// The index of a model in several files (`model.safetensors.index.json`): JSON { metadata, weight_map: { tensor: file } }, where files are
// beside the index.

const MOST_INDEX_BYTES = 64 * 2 ** 20;
/** As many files as no model has, so that an index cannot keep a machine opening files. */
const MOST_SHARDS = 10_000;

/** Opens a file beside the index by its name. */
export type OpenShard = (name: string) => Promise<ByteSource>;

/** Whether a file that begins so is an index: of a safetensors file it would be a header without end. */
export function isIndex(start: Uint8Array): boolean {
  const [first] = new TextDecoder().decode(start.subarray(0, 8)).trimStart();
  return first === '{' && (start.length < 8 || start.subarray(4, 8).some((byte) => byte !== 0));
}

/**
 * Reads an index and the heads of all files that it names. Errors: `invalid-checkpoint` for an index that is none, for names of files
 * that lead elsewhere or are no safetensors files, and for tensors that are not in their file; those of `openShard`.
 */
export async function openShards(source: ByteSource, openShard: OpenShard): Promise<WeightsReader> {
  const { map, metadata } = await readIndex(source);
  const files = [...new Set(map.values())];
  if (files.length > MOST_SHARDS)
    refuseFile(source.name, `it names ${files.length} files; at most ${MOST_SHARDS} are read`);
  const shards = new Map<string, WeightsReader>();
  const close = async () => {
    await Promise.all([...shards.values()].map((shard) => shard.close()));
  };
  try {
    for (const file of files) shards.set(file, await openOne(await openShard(file)));
    const tensors = new Map<string, WeightsTensor>();
    for (const [file, shard] of shards)
      for (const [name, tensor] of shard.tensors)
        if (map.get(name) === file) tensors.set(name, { ...tensor, file });
    for (const [name, file] of map)
      if (!tensors.has(name))
        refuseFile(
          source.name,
          `tensor '${shortName(name)}' is not in '${file}', where the index has it`,
        );
    const read: WeightsReader['read'] = async (name) => {
      const file = map.get(name);
      if (file === undefined)
        throw unknownName('tensor', name, `'${source.name}'`, [...tensors.keys()].slice(0, 20));
      return shards.get(file)!.read(name);
    };
    return { tensors, metadata, read, close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    await source.close();
  }
}

async function openOne(source: ByteSource): Promise<WeightsReader> {
  try {
    return await openFile(source, await source.read(0, 8));
  } catch (error) {
    await source.close();
    throw error;
  }
}

interface Index {
  readonly map: ReadonlyMap<string, string>;
  readonly metadata: ReadonlyMap<string, string>;
}

async function readIndex(source: ByteSource): Promise<Index> {
  const refuse = (reason: string) => refuseFile(source.name, reason);
  const size = source.size ?? MOST_INDEX_BYTES;
  if (size > MOST_INDEX_BYTES)
    refuse(`it has ${size} bytes; an index of at most ${MOST_INDEX_BYTES} is read`);
  const bytes = source.size === null ? await source.read(0, size) : await readAll(source, 0, size);
  let index: unknown;
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(bytes));
    index = JSON.parse(text);
  } catch {
    refuse('it is neither a safetensors file nor an index, which is JSON');
  }
  const { weight_map: map, metadata } = (index ?? {}) as {
    weight_map?: unknown;
    metadata?: unknown;
  };
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    return refuse("the index has no 'weight_map' { tensor: file }");
  const twice = duplicateKey(text);
  if (twice !== null) refuse(`the index has '${shortName(twice)}' twice`);
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    const problem = badShardName(file);
    if (problem) refuse(`tensor '${shortName(name)}' is in ${shown(file)}, which ${problem}`);
    files.set(name, file as string);
  }
  const strings = Object.entries(metadata ?? {}).filter(([, value]) => typeof value === 'string');
  return { map: files, metadata: new Map(strings as [string, string][]) };
}

/** Why a name is none of a safetensors file beside the index, or null. Names of indices lead nowhere: there are no circles. */
function badShardName(file: unknown): string | null {
  if (typeof file !== 'string') return 'is no name of a file';
  if (!isBareFileName(file)) return 'is not the plain name of a file beside the index';
  return file.endsWith('.safetensors') ? null : 'is no .safetensors file';
}

const shown = (value: unknown) =>
  typeof value === 'string' ? `'${shortName(value)}'` : typeof value;
