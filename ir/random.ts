/**
 * Threefry-2x32 with 20 rounds: a counter-based generator, so that a value drawn again is the same value.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
 * The same integer arithmetic is printed into WGSL and wasm; all three give identical bits.
 */
export const THREEFRY_ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
export const THREEFRY_PARITY = 0x1bd11bda;

/** First word of the cipher of the counter (`counter0`, `counter1`) under the key (`key0`, `key1`), as u32. */
export function threefry(key0: number, key1: number, counter0: number, counter1: number): number {
  const keys = [key0 | 0, key1 | 0, THREEFRY_PARITY ^ key0 ^ key1];
  let x0 = (counter0 + keys[0]) | 0;
  let x1 = (counter1 + keys[1]) | 0;
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const rotation = THREEFRY_ROTATIONS[(group % 2) * 4 + round];
      x0 = (x0 + x1) | 0;
      x1 = (x1 << rotation) | (x1 >>> (32 - rotation));
      x1 ^= x0;
    }
    x0 = (x0 + keys[(group + 1) % 3]) | 0;
    x1 = (x1 + keys[(group + 2) % 3] + group + 1) | 0;
  }
  return x0 >>> 0;
}

/** Uniform in [0, 1): the upper 24 bits over 2^24, exact in float32. */
export function uniform(key0: number, key1: number, counter0: number, counter1: number): number {
  return (threefry(key0, key1, counter0, counter1) >>> 8) * 2 ** -24;
}

/** FNV-1a of a name: the second key word that gives each parameter or random node a stream of its own. */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
