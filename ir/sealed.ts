import { crc32 } from './crc32.ts';
import { encodeSafetensors, type SafetensorsFile, type SafetensorsTensor } from './safetensors.ts';
import { shortName } from './shorten.ts';

// The safetensors files that btc writes are sealed: their metadata holds, as `checksum`, the CRC-32 (in eight hexadecimal
// digits) of the whole file, header and padding included, in which the digits themselves count as zeros.

/** `format` in the metadata of a file of parameters and states, and of a checkpoint. */
export const PARAMETERS_FORMAT = 'btc-parameters';
export const CHECKPOINT_FORMAT = 'btc-checkpoint';

const KEY = 'checksum';
const DIGITS = '00000000';
// Inside a string of JSON the quotes would be escaped, so that nothing else in a header reads like this.
const MARK = new TextEncoder().encode(`"${KEY}":"`);

/** As {@link encodeSafetensors}, sealed. */
export function encodeSealed(
  tensors: Iterable<readonly [string, SafetensorsTensor]>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  return reseal(encodeSafetensors(tensors, { ...metadata, [KEY]: DIGITS }));
}

/** Puts the right checksum into a file that has one. */
export function reseal(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = digitsOf(bytes);
  bytes.set(new TextEncoder().encode(checksum(bytes, at)), at);
  return bytes;
}

/** What is wrong with the seal of a file that was read: null where it holds, or where the file neither has nor needs one. */
export function sealProblem(bytes: Uint8Array, file: SafetensorsFile): string | null {
  const { metadata } = file;
  const format = metadata.get('format');
  // The first checkpoints had a sum of their tensors alone.
  const old = format === CHECKPOINT_FORMAT && metadata.get('version') === '1';
  const key = old ? 'crc32' : KEY;
  const given = metadata.get(key);
  const needed = format === CHECKPOINT_FORMAT || format === PARAMETERS_FORMAT;
  if (given === undefined) return needed ? `metadata '${key}' is missing` : null;
  const at = digitsOf(bytes);
  const sum = old
    ? crc32([...file.tensors.values()].map(({ data }) => data))
    : at < 0
      ? null
      : checksum(bytes, at);
  if (given === sum) return null;
  return `it was changed or damaged: metadata '${key}' is '${shortName(given)}', but the file gives ${sum === null ? 'none' : `'${sum}'`}`;
}

/** Where the digits stand, or -1. */
function digitsOf(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(MARK[0]); at >= 0; at = bytes.indexOf(MARK[0], at + 1))
    if (MARK.every((byte, i) => bytes[at + i] === byte)) return at + MARK.length;
  return -1;
}

function checksum(bytes: Uint8Array, at: number): string {
  const zeros = new TextEncoder().encode(DIGITS);
  return crc32([bytes.subarray(0, at), zeros, bytes.subarray(at + DIGITS.length)]);
}
