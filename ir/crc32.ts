/** Bytes that one round takes. */
const SLICES = 8;

/** `TABLES[s][b]`: the remainder of byte `b` with `s` bytes of zero behind it (Kounavis, Berry 2005, "slicing by eight"). */
const TABLES = tables();

function tables(): readonly Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    return crc;
  });
  const all = [first];
  for (let slice = 1; slice < SLICES; slice++)
    all.push(all[slice - 1].map((crc) => first[crc & 255] ^ (crc >>> 8)));
  return all;
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** CRC-32 (ISO 3309) over the bytes of all arrays, one after the other, in eight hexadecimal digits. */
export function crc32(arrays: readonly ArrayBufferView[]): string {
  let crc = -1;
  for (const { buffer, byteOffset, byteLength } of arrays)
    crc = continued(crc, new Uint8Array(buffer, byteOffset, byteLength));
  return (~crc >>> 0).toString(16).padStart(8, '0');
}

function continued(before: number, bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let crc = before;
  const one = (at: number) => {
    crc = t0[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  };
  // Words begin at multiples of their size.
  const head = LITTLE_ENDIAN ? Math.min(bytes.length, -bytes.byteOffset & 3) : bytes.length;
  for (let i = 0; i < head; i++) one(i);
  const pairs = Math.floor((bytes.length - head) / SLICES);
  if (pairs > 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + head, 2 * pairs);
    for (let w = 0; w < words.length; w += 2) {
      const a = crc ^ words[w];
      const b = words[w + 1];
      crc =
        t7[a & 255] ^
        t6[(a >>> 8) & 255] ^
        t5[(a >>> 16) & 255] ^
        t4[a >>> 24] ^
        t3[b & 255] ^
        t2[(b >>> 8) & 255] ^
        t1[(b >>> 16) & 255] ^
        t0[b >>> 24];
    }
  }
  for (let i = head + pairs * SLICES; i < bytes.length; i++) one(i);
  return crc;
}
