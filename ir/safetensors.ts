import { DTYPES, type DType, type TensorArray } from './dtypes.ts';
import { FILE_TYPES, type FileType } from './file-types.ts';
import { duplicateKey } from './json-keys.ts';
import { printable } from './printable.ts';
import { shortName } from './shorten.ts';
import { elementCount, formatType, type Shape } from './tensor.ts';

// The safetensors format (https://github.com/huggingface/safetensors): eight bytes with the length of the header, little
// endian; the header, JSON { name: { dtype, shape, data_offsets: [begin, end] }, __metadata__: { key: string } },
// padded with spaces; the data, little endian and without gaps. Files are written in the dtypes of ir/dtypes.ts; what else is read, ir/file-types.ts converts.

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

/** A file that breaks the format; the message names the tensor or the field. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

const LENGTH_BYTES = 8;
const METADATA = '__metadata__';
const KNOWN = [...FILE_TYPES.keys()].join(', ').replace(/, (?=\w+$)/, ' or ');

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
  const { header, dataStart } = readHeader(bytes);
  const data = bytes.subarray(dataStart);
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) readMetadata(value, metadata);
    else entries.push(readEntry(name, value));
  }
  checkCoverage(entries, data.length);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, type, shape, begin, end } of entries) {
    // Not `slice`, which does not copy where the bytes are a Buffer of Node's.
    const { buffer } = new Uint8Array(data.subarray(begin, end));
    const read = type.read(buffer);
    if (!read) fail(`tensor '${shortName(name)}': an element does not fit into 32 bits`);
    tensors.set(name, { dtype: type.dtype, shape, data: read });
  }
  return { tensors, metadata };
}

interface Entry {
  readonly name: string;
  readonly type: FileType;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

function fail(message: string): never {
  throw new SafetensorsError(printable(message));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < LENGTH_BYTES) fail(`the file ends inside the header's length`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(bytes.length - LENGTH_BYTES))
    fail(`the header's length is ${length} bytes, but only ${bytes.length - LENGTH_BYTES} follow`);
  const dataStart = LENGTH_BYTES + Number(length);
  let text = '';
  let header: unknown;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    // A copy, because shared memory is not decoded.
    text = decoder.decode(new Uint8Array(bytes.subarray(LENGTH_BYTES, dataStart)));
    header = JSON.parse(text);
  } catch {
    fail('the header is not JSON');
  }
  if (!isRecord(header)) fail('the header is not an object');
  const twice = duplicateKey(text);
  if (twice !== null) fail(`the header has '${shortName(twice)}' twice`);
  return { header, dataStart };
}

function readMetadata(value: unknown, metadata: Map<string, string>): void {
  if (!isRecord(value)) fail(`${METADATA} is not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') fail(`${METADATA}.${shortName(key)} is not a string`);
    metadata.set(key, text);
  }
}

function readEntry(name: string, value: unknown): Entry {
  if (!isRecord(value)) fail(`tensor '${shortName(name)}' is not an object`);
  for (const field of Object.keys(value)) {
    if (!['dtype', 'shape', 'data_offsets'].includes(field))
      fail(`tensor '${shortName(name)}': unknown field '${shortName(field)}'`);
  }
  const type = FILE_TYPES.get(value['dtype']);
  if (!type) fail(`tensor '${shortName(name)}': dtype ${shown(value['dtype'])} is not ${KNOWN}`);
  const shape = value['shape'];
  if (!isWholeList(shape) || shape.some((extent) => extent === 0))
    fail(`tensor '${shortName(name)}': shape ${shown(shape)} is not a list of positive integers`);
  const offsets = value['data_offsets'];
  if (!isWholeList(offsets) || offsets.length !== 2)
    fail(`tensor '${shortName(name)}': data_offsets ${shown(offsets)} is not a pair of offsets`);
  const [begin, end] = offsets;
  const wanted = elementCount(shape) * type.bytes;
  if (end - begin !== wanted)
    fail(
      `tensor '${shortName(name)}': data_offsets span ${end - begin} bytes, ${String(value['dtype']).toLowerCase()}[${shape}] takes ${wanted}`,
    );
  return { name, type, shape, begin, end };
}

function shown(value: unknown): string {
  try {
    return shortName(String(JSON.stringify(value)));
  } catch {
    return 'deeply nested';
  }
}

function isWholeList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function checkCoverage(entries: readonly Entry[], dataBytes: number): void {
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin)) {
    if (entry.begin !== end)
      fail(`tensor '${shortName(entry.name)}': its data start at ${entry.begin}, not at ${end}`);
    end = entry.end;
    if (end > dataBytes)
      fail(
        `tensor '${shortName(entry.name)}': its data end at ${end}, but the file has ${dataBytes} bytes of data`,
      );
  }
  if (end !== dataBytes) fail(`${dataBytes - end} bytes follow the last tensor`);
}
