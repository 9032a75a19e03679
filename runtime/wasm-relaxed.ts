// Relaxed SIMD has a multiply-add that an engine may round once or twice. The compiler writes modules that every engine with SIMD
// takes, in which the tiles of contractions multiply and add; where an engine has the instruction and the caller wants it, this
// puts it in their place. Both forms have as many bytes, so that nothing else moves.

/** `f32x4.relaxed_madd` of three parameters, in a module of its own. */
// biome-ignore format: bytes of one module
const PROBE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b, 0x03, 0x02,
  0x01, 0x00, 0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b,
]);

/** Whether the engine has relaxed SIMD. */
export const hasRelaxedSimd = (): boolean => WebAssembly.validate(PROBE);

const LOCAL_GET = 0x20;
const NOP = 0x01;
const MULTIPLY = [0xfd, 0xe6, 0x01];
const ADD = [0xfd, 0xe4, 0x01];
const MULTIPLY_ADD = [0xfd, 0x85, 0x02];
/** Bytes of an instruction that reads one of the first 128 locals. */
const READ = 2;

/** A checked module with `x · y + z` of three locals in one instruction, wherever it is two. */
export function withMultiplyAdds(module: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const changed = new Uint8Array(module);
  const [multiply, z, add] = [2 * READ, 2 * READ + MULTIPLY.length, 3 * READ + MULTIPLY.length];
  const reads = (at: number) => module[at] === LOCAL_GET && module[at + 1] < 0x80;
  const has = (at: number, code: readonly number[]) =>
    code.every((byte, k) => module[at + k] === byte);
  for (let at = 0; at + add + ADD.length <= module.length; at++) {
    if (!reads(at) || !reads(at + READ) || !has(at + multiply, MULTIPLY)) continue;
    if (!reads(at + z) || !has(at + add, ADD)) continue;
    changed.fill(NOP, at + multiply, at + z);
    changed.set(MULTIPLY_ADD, at + add);
  }
  return changed;
}
