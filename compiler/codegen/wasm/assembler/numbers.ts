import type { Bytes } from './bytes.ts';

const view = new DataView(new ArrayBuffer(8));
const scratch = new Uint8Array(view.buffer);

/** A decimal or hexadecimal integer of `bits` bits, whether its text reads as signed or not. */
function integer(text: string, bits: number): bigint {
  const magnitude = BigInt(text.replace(/^-/, ''));
  return BigInt.asIntN(bits, text.startsWith('-') ? -magnitude : magnitude);
}

/** NaN is the canonical one. */
function real(text: string): number {
  if (text === 'nan') return Number.NaN;
  return /^-?inf$/.test(text) ? Number(text.replace('inf', 'Infinity')) : Number(text);
}

function lane(write: () => void, bytes: number, to: Bytes): void {
  write();
  to.all(scratch.subarray(0, bytes));
}

/** How the number of a constant is written, by its type. */
export const CONSTANTS: Readonly<Record<string, (text: string, to: Bytes) => void>> = {
  i32: (text, to) => to.signed(integer(text, 32)),
  i64: (text, to) => to.signed(integer(text, 64)),
  f32: (text, to) => lane(() => view.setFloat32(0, real(text), true), 4, to),
  f64: (text, to) => lane(() => view.setFloat64(0, real(text), true), 8, to),
};

/** How one number of a vector is written, by the shape that the vector is given in; and how many there are. */
export const VECTOR_LANES: Readonly<
  Record<string, { readonly count: number; readonly write: (text: string, to: Bytes) => void }>
> = {
  i32x4: {
    count: 4,
    write: (text, to) => lane(() => view.setInt32(0, Number(integer(text, 32)), true), 4, to),
  },
  f32x4: { count: 4, write: CONSTANTS.f32 },
};
