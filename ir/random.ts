/**
 * Threefry-2x32 with 20 rounds: a counter-based generator, so that a recomputed value is the same value.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
 * The same integer arithmetic is printed into WGSL and wasm; all three give identical bits.
 */
export const THREEFRY_ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
/** The parity constant of the key schedule (Salmon et al. 2011, C240 cut to 32 bits). */
export const THREEFRY_PARITY = 0x1bd11bda;

const rotate = (word: number, bits: number) => (word << bits) | (word >>> (32 - bits));

/**
 * One of the two words of the cipher of the counter (`counter0`, `counter1`) under the key (`key0`, `key1`), as u32. Written
 * out, and not over tables: initial values of networks are hundreds of millions of these.
 */
export function threefry(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  word = 0,
): number {
  let a = key0 | 0;
  let b = key1 | 0;
  let c = THREEFRY_PARITY ^ a ^ b;
  let x0 = (counter0 + a) | 0;
  let x1 = (counter1 + b) | 0;
  for (let group = 1; ; group += 2) {
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 13) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 15) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 26) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 6) ^ x0;
    x0 = (x0 + b) | 0;
    x1 = (x1 + c + group) | 0;
    if (group === 5) return (word === 0 ? x0 : x1) >>> 0;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 17) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 29) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 16) ^ x0;
    x0 = (x0 + x1) | 0;
    x1 = rotate(x1, 24) ^ x0;
    x0 = (x0 + c) | 0;
    x1 = (x1 + a + group + 1) | 0;
    const next = a;
    a = c;
    c = b;
    b = next;
  }
}

/** Words of a cipher, each of which is an element of what a program draws. */
export const ELEMENTS_PER_CIPHER = 2;

/** The upper 24 bits of a word over 2^24: in [0, 1), exact in float32. */
const fraction = (word: number) => (word >>> 8) * 2 ** -24;

/** Uniform in [0, 1), of the first word alone. */
export function uniform(key0: number, key1: number, counter0: number, counter1: number): number {
  return fraction(threefry(key0, key1, counter0, counter1));
}

/**
 * What a program draws for one element of a tensor in one step, uniform in [0, 1). Elements 2k and 2k + 1 are the two words of
 * counter (k, step), so that code that computes both needs one cipher.
 */
export function uniformElement(
  seed: number,
  stream: number,
  element: number,
  step: number,
): number {
  return fraction(threefry(seed, stream, element >>> 1, step, element & 1));
}

/** FNV-1a of a name: the second key word that gives each parameter or random node a stream of its own. */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
