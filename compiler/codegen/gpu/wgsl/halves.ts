import type { LibraryRow } from '../dialect.ts';

export type HalfHelper = 'round_f16';

/**
 * The nearest half, of two the even one, by integer arithmetic: WGSL leaves the rounding of `f16()` open, and what is out of
 * range. Subnormal halves are whole multiples of 2^-24; `cut` is the number of bits of the fraction that one of them has not.
 */
export const HALVES: Readonly<Record<HalfHelper, LibraryRow<never>>> = {
  round_f16: {
    needs: [],
    text: `fn round_f16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  let sign = bits & 0x80000000u;
  let nearest = (size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u;
  let normal = select(nearest, 0x7f800000u, nearest >= 0x47800000u);
  let cut = clamp(126i - i32(size >> 23u), 1i, 25i);
  let fraction = (size & 0x7fffffu) | 0x800000u;
  let units = (fraction + (1u << u32(cut - 1i)) - 1u + ((fraction >> u32(cut)) & 1u)) >> u32(cut);
  let nearest_half = select(bitcast<u32>(f32(units) * 5.9604645e-8f), normal, size >= 0x38800000u);
  return select(bitcast<f32>(sign | nearest_half), x, size > 0x7f800000u);
}`,
  },
};
