import { DTYPES, type DType, type TensorArray } from './dtypes.ts';

/** Arguments of one call of a function. */
const CHUNK = 2 ** 13;

/** The bytes of an array, little endian, in base64. */
export function toBase64({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK)
    parts.push(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  return btoa(parts.join(''));
}

/** Characters of the base64 of so many bytes. */
const charactersOf = (bytes: number) => 4 * Math.ceil(bytes / 3);

/** The elements that base64 holds; null where it is not that of so many. */
export function fromBase64(text: string, dtype: DType, count: number): TensorArray | null {
  const { array, bytes: size } = DTYPES[dtype];
  if (text.length !== charactersOf(count * size)) return null;
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return null;
  }
  if (binary.length !== count * size) return null;
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return new array(bytes.buffer);
}
