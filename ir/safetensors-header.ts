import { FILE_TYPES } from './file-types.ts';
import { duplicateKey } from './json-keys.ts';
import { printable } from './printable.ts';
import { shortName } from './shorten.ts';
import { elementCount, type Shape } from './tensor.ts';

// The head of a safetensors file: eight bytes with the length of the header, little endian, and the header, JSON. What a stranger says in it
// is checked before anything is read or allocated by it.

/** A file that breaks the format; the message names the tensor or the field. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

/** Bytes in front of the header. */
export const LENGTH_BYTES = 8;
/** The longest header that is read, as by the library of the format. */
export const MOST_HEADER_BYTES = 100_000_000;
/** The entry that is no tensor. */
export const METADATA = '__metadata__';

/** What a file says of one tensor. */
export interface SafetensorsEntry {
  readonly name: string;
  /** As the file says it: `F32`, `BF16`; not all that there are can be read. */
  readonly dtype: string;
  readonly shape: Shape;
  /** Bytes from the first behind the header to the first of the tensor, and behind its last. */
  readonly begin: number;
  readonly end: number;
}

/** What the header says: the tensors in the order of their names in it, and strings about them. */
export interface SafetensorsHeader {
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Throws a {@link SafetensorsError}. */
export function fail(message: string): never {
  throw new SafetensorsError(printable(message));
}

/**
 * The length of the header by the first eight bytes of a file of so many bytes, null where that is not known. Throws
 * {@link SafetensorsError} for one that the file has no room for, or that is longer than any.
 */
export function headerLength(start: Uint8Array, fileBytes: number | null): number {
  if (start.length < LENGTH_BYTES) fail(`the file ends inside the header's length`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = view.getBigUint64(0, true);
  if (fileBytes !== null && length > BigInt(fileBytes - LENGTH_BYTES))
    fail(`the header's length is ${length} bytes, but only ${fileBytes - LENGTH_BYTES} follow`);
  if (length > BigInt(MOST_HEADER_BYTES))
    fail(`the header's length is ${length} bytes; those of at most ${MOST_HEADER_BYTES} are read`);
  return Number(length);
}

/**
 * Reads a header, without the eight bytes before it, of a file with so many bytes behind it, null where that is not known: its JSON, shapes
 * and offsets, and that the data of the tensors cover the file without gap or overlap. Throws {@link SafetensorsError}.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number | null): SafetensorsHeader {
  const metadata = new Map<string, string>();
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of Object.entries(parseJson(bytes))) {
    if (name === METADATA) readMetadata(value, metadata);
    else entries.push(readEntry(name, value));
  }
  checkCoverage(entries, dataBytes);
  return { entries, metadata };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  let text = '';
  let header: unknown;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    // A copy, because shared memory is not decoded.
    text = decoder.decode(new Uint8Array(bytes));
    header = JSON.parse(text);
  } catch {
    fail('the header is not JSON');
  }
  if (!isRecord(header)) fail('the header is not an object');
  const twice = duplicateKey(text);
  if (twice !== null) fail(`the header has '${shortName(twice)}' twice`);
  return header;
}

function readMetadata(value: unknown, metadata: Map<string, string>): void {
  if (!isRecord(value)) fail(`${METADATA} is not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') fail(`${METADATA}.${shortName(key)} is not a string`);
    metadata.set(key, text);
  }
}

function readEntry(name: string, value: unknown): SafetensorsEntry {
  if (!isRecord(value)) fail(`tensor '${shortName(name)}' is not an object`);
  for (const field of Object.keys(value)) {
    if (!['dtype', 'shape', 'data_offsets'].includes(field))
      fail(`tensor '${shortName(name)}': unknown field '${shortName(field)}'`);
  }
  const dtype = value['dtype'];
  // Of types that are not read the size is not known; the others of the file are.
  if (typeof dtype !== 'string' || !/^\w{1,32}$/.test(dtype))
    fail(`tensor '${shortName(name)}': ${unknownType(dtype)}`);
  const shape = value['shape'];
  if (!isWholeList(shape))
    fail(`tensor '${shortName(name)}': shape ${shown(shape)} is not a list of integers from 0 on`);
  const offsets = value['data_offsets'];
  if (!isWholeList(offsets) || offsets.length !== 2)
    fail(`tensor '${shortName(name)}': data_offsets ${shown(offsets)} is not a pair of offsets`);
  const [begin, end] = offsets;
  const span = end - begin;
  if (span < 0)
    fail(`tensor '${shortName(name)}': data_offsets [${begin},${end}] end before they begin`);
  const type = FILE_TYPES.get(dtype);
  const wanted = type ? elementCount(shape) * type.bytes : span;
  if (span !== wanted)
    fail(
      `tensor '${shortName(name)}': data_offsets span ${span} bytes, ${dtype.toLowerCase()}[${shape}] takes ${wanted}`,
    );
  return { name, dtype, shape, begin, end };
}

const KNOWN = [...FILE_TYPES.keys()].join(', ').replace(/, (?=\w+$)/, ' or ');

/** Says which types are read. */
export const unknownType = (dtype: unknown): string => `dtype ${shown(dtype)} is not ${KNOWN}`;

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

function checkCoverage(entries: readonly SafetensorsEntry[], dataBytes: number | null): void {
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin !== end)
      fail(`tensor '${shortName(entry.name)}': its data start at ${entry.begin}, not at ${end}`);
    end = entry.end;
    if (dataBytes !== null && end > dataBytes)
      fail(
        `tensor '${shortName(entry.name)}': its data end at ${end}, but the file has ${dataBytes} bytes of data`,
      );
  }
  if (dataBytes !== null && end !== dataBytes)
    fail(`${dataBytes - end} bytes follow the last tensor`);
}
