import type { Dialect } from '../dialect.ts';
import type { Helper } from './library.ts';

const bitsOf = new DataView(new ArrayBuffer(4));

/** Values that WGSL has no literal for (infinities, NaN, -0) are made from their bits. */
export const LITERALS: Dialect<Helper>['literals'] = {
  i32: (_use, value) => {
    const whole = value | 0;
    return whole === -2147483648 ? 'i32(-2147483648)' : `${whole}i`;
  },
  f32: (use, value) => {
    const single = Math.fround(value);
    if (Number.isFinite(single) && !Object.is(single, -0)) return `${shortest(single)}f`;
    bitsOf.setFloat32(0, single);
    return `${use('float_bits')}(0x${bitsOf.getUint32(0).toString(16)}u)`;
  },
};

/** Shortest decimal that is still the same float32. */
function shortest(single: number): string {
  // Rounded up, the largest values would be out of range before they are rounded to float32.
  if (Math.abs(single) >= 2 ** 127) return String(single);
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(single.toPrecision(digits)));
    if (Math.fround(Number(text)) === single) return text;
  }
  return String(single);
}
