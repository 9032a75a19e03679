import { DTYPES, type DType, type TensorArray } from './dtypes.ts';
import { FILE_TYPES } from './file-types.ts';
import {
  fail,
  headerLength,
  LENGTH_BYTES,
  METADATA,
  parseHeader,
  type SafetensorsEntry,
  unknownType,
} from './safetensors-header.ts';
import { shortName } from './shorten.ts';
import { elementCount, formatType, type Shape } from './tensor.ts';

// The safetensors format (https://github.com/huggingface/safetensors): eight bytes with the length of the header, little
// endian; the header, JSON { name: { dtype, shape, data_offsets: [begin, end] }, __metadata__: { key: string } },
// padded with spaces; the data, little endian and without gaps. Files are written in the dtypes of ir/dtypes.ts; what else is read, ir/file-types.ts converts.

export { SafetensorsError } from './safetensors-header.ts';

/** Named values and strings about them, as a file holds them. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** One tensor of a safetensors file. */
export interface SafetensorsTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TensorArray;
}

/** The bytes of a file with `tensors` in the order given. Throws {@link SafetensorsError} where data and shape disagree. */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, SafetensorsTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const list = [...tensors];
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push([METADATA, metadata]);
  let end = 0;
  for (const [name, { dtype, shape, data }] of list) {
    if (name === METADATA) fail(`a tensor cannot be named '${METADATA}'`);
    if (data.length !== elementCount(shape))
      fail(
        `tensor '${name}': ${data.length} elements are given for ${formatType({ dtype, shape })}`,
      );
    const begin = end;
    end += data.byteLength;
    entries.push([name, { dtype: DTYPES[dtype].safetensors, shape, data_offsets: [begin, end] }]);
  }
  const header = new TextEncoder().encode(paddedHeader(entries));
  const bytes = new Uint8Array(LENGTH_BYTES + header.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + header.length;
  for (const [, { data }] of list) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** Padded so that the data starts at a multiple of eight. Entries keep their order, whatever their names. */
function paddedHeader(entries: readonly (readonly [string, unknown])[]): string {
  const fields = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const text = `{${fields.join(',')}}`;
  const length = new TextEncoder().encode(text).length;
  return text + ' '.repeat((8 - (length % 8)) % 8);
}

/**
 * Reads a file, checking all of it: the header's length and JSON, dtypes and shapes, and that the data of the tensors
 * cover the file without gap or overlap. `F16` and `BF16` become f32, exactly, and `F64` the nearest; integers and `BOOL` become i32,
 * which must hold them. Throws {@link SafetensorsError}. The arrays are copies.
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const dataStart = LENGTH_BYTES + headerLength(bytes, bytes.length);
  const header = bytes.subarray(LENGTH_BYTES, dataStart);
  const { entries, metadata } = parseHeader(header, bytes.length - dataStart);
  const data = bytes.subarray(dataStart);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const entry of entries) {
    // Not `slice`, which does not copy where the bytes are a Buffer of Node's.
    const { buffer } = new Uint8Array(data.subarray(entry.begin, entry.end));
    tensors.set(entry.name, decodeTensor(entry, buffer));
  }
  return { tensors, metadata };
}

/** One tensor by its bytes, which the result may keep. Throws {@link SafetensorsError}, as {@link decodeSafetensors}. */
export function decodeTensor(
  { name, dtype, shape }: Pick<SafetensorsEntry, 'name' | 'dtype' | 'shape'>,
  buffer: ArrayBuffer,
): SafetensorsTensor {
  const type = FILE_TYPES.get(dtype);
  if (!type) fail(`tensor '${shortName(name)}': ${unknownType(dtype)}`);
  const data = type.read(buffer);
  if (!data) fail(`tensor '${shortName(name)}': an element does not fit into 32 bits`);
  return { dtype: type.dtype, shape, data };
}
