import { decodeTensor, SafetensorsError, type SafetensorsTensor } from '../../ir/safetensors.ts';
import {
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  type SafetensorsEntry,
} from '../../ir/safetensors-header.ts';
import type { Shape } from '../../ir/tensor.ts';
import { RuntimeError } from '../errors.ts';
import { unknownName } from '../names.ts';
import type { ByteSource } from './byte-source.ts';

/** What a file says of one tensor. */
export interface WeightsTensor {
  readonly name: string;
  /** As the file says it: `F32`, `BF16`, `I64`. */
  readonly dtype: string;
  readonly shape: Shape;
  /** In the file. */
  readonly bytes: number;
  /** The file that holds it: of shards its own. */
  readonly file: string;
}

/** Tensors of one or several safetensors files, read when they are asked for. */
export interface WeightsReader {
  /** All tensors by name, in the order in which they lie in their files. */
  readonly tensors: ReadonlyMap<string, WeightsTensor>;
  /** Strings that the file has about them. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * One tensor, row-major, of its own: floats of any width as f32, integers and booleans as i32. Errors: `unknown-name`;
   * `invalid-checkpoint` for what does not fit and for dtypes that are not read; `file-failed`.
   */
  read(name: string): Promise<SafetensorsTensor>;
  /** Ends what was opened. */
  close(): Promise<void>;
}

/** Error: `invalid-checkpoint`. */
export function refuseFile(file: string, reason: string): never {
  throw new RuntimeError('invalid-checkpoint', `'${file}' is refused: ${reason}`);
}

/** What `action` gives; a file that breaks the format is an `invalid-checkpoint`. */
export async function checked<T>(file: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof SafetensorsError) refuseFile(file, error.message);
    // As arrays, strings and maps say that they would be too large.
    if (error instanceof RangeError)
      refuseFile(file, `it takes more memory than there is (${error.message})`);
    throw error;
  }
}

/** All bytes of a range. Error: `invalid-checkpoint` where the file ends before. */
export async function readAll(source: ByteSource, begin: number, end: number): Promise<Uint8Array> {
  const bytes = await source.read(begin, end);
  if (bytes.length !== end - begin)
    refuseFile(source.name, `it ends at ${begin + bytes.length} bytes, before ${end}`);
  return bytes;
}

/** Reads the head of one file, which `start` begins. Error: `invalid-checkpoint`. */
export async function openFile(source: ByteSource, start: Uint8Array): Promise<WeightsReader> {
  const { name: file, size } = source;
  const { entries, metadata, dataStart } = await checked(file, async () => {
    const dataStart = LENGTH_BYTES + headerLength(start, size);
    const header = await readAll(source, LENGTH_BYTES, dataStart);
    return { ...parseHeader(header, size === null ? null : size - dataStart), dataStart };
  });
  const sorted = [...entries].sort((a, b) => a.begin - b.begin);
  const byName = new Map(sorted.map((entry) => [entry.name, entry]));
  const tensors = new Map(sorted.map((entry) => [entry.name, { ...listed(entry), file }]));
  return {
    tensors,
    metadata,
    read: async (name) => {
      const entry = byName.get(name);
      if (!entry) throw unknownName('tensor', name, `'${file}'`, nearest(byName));
      return checked(file, async () => {
        const bytes = await readAll(source, dataStart + entry.begin, dataStart + entry.end);
        return decodeTensor(entry, ownBuffer(bytes));
      });
    },
    close: () => source.close(),
  };
}

const listed = ({ name, dtype, shape, begin, end }: SafetensorsEntry) => ({
  ...{ name, dtype, shape, bytes: end - begin },
});

/** Names for a message. */
const nearest = (tensors: ReadonlyMap<string, unknown>) => [...tensors.keys()].slice(0, 20);

/** A buffer with nothing but the bytes; a copy, for they may be of the caller's or of a block that is read again. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}
