// binary16 of IEEE 754: a sign, five bits of exponent, ten of fraction. `f16` in memory, `F16` in files.

/** The bits of the half that is nearest, of two the even one; infinity from 65520 on. NaN keeps no payload. */
export function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  // One unit in the last place: 2^-24 below the least normal half, which is 2^-14.
  const unit = Math.max(2 ** -24, 2 ** (exponentOf(size) - 10));
  const units = roundHalfToEven(size / unit);
  // A fraction that rounds up to the next power of two carries into the exponent as it should.
  return sign | (unit === 2 ** -24 ? units : ((exponentOf(size) + 14) << 10) + units);
}

/** The number that the bits of a half stand for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** What is left of a number that is stored as a half. */
export const roundToHalf = (value: number): number => halfValue(halfBits(value));

/** floor(log2(x)) of a positive number, exactly. */
function exponentOf(x: number): number {
  const exponent = Math.floor(Math.log2(x));
  return 2 ** exponent > x ? exponent - 1 : 2 ** (exponent + 1) <= x ? exponent + 1 : exponent;
}

function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
