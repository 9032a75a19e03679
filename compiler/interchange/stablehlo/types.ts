import type { DType } from '../../../ir/dtypes.ts';
import type { Shape, TensorType } from '../../../ir/tensor.ts';

/** Element types that exported modules use. */
export type Element = 'f32' | 'i32' | 'ui32' | 'i1' | 'f16';

/** The type of a value in the text. */
export interface ValueType {
  readonly element: Element;
  readonly shape: Shape;
}

/** What a dtype is in StableHLO. */
export const ELEMENTS: Readonly<Record<DType, Element>> = { f32: 'f32', i32: 'i32' };

/** The type that a tensor of the graph has in the text. */
export const valueType = ({ dtype, shape }: TensorType): ValueType => ({
  element: ELEMENTS[dtype],
  shape,
});

/** `tensor<2x3xf32>`; a scalar is `tensor<f32>`. */
export const typeText = ({ element, shape }: ValueType): string =>
  `tensor<${shape.map((extent) => `${extent}x`).join('')}${element}>`;

/** `array<i64: 1, 2>`; of none `array<i64>`. */
export const arrayText = (values: readonly number[]): string =>
  values.length === 0 ? 'array<i64>' : `array<i64: ${values.join(', ')}>`;

const isFloat: Readonly<Record<Element, boolean>> = {
  ...{ f32: true, f16: true, i32: false, ui32: false, i1: false },
};

/** Bits of what decimals cannot say. */
const NOT_FINITE: Readonly<Record<string, string>> = {
  ...{ Infinity: '0x7F800000', '-Infinity': '0xFF800000', NaN: '0x7FC00000' },
};

/** A number as an element of a constant; floats have a point, as the grammar wants. */
export function numberText(value: number, element: Element): string {
  if (element === 'i1') return value === 0 ? 'false' : 'true';
  if (!isFloat[element]) return String(Math.max(-(2 ** 31), Math.min(2 ** 32 - 1, value)));
  if (!Number.isFinite(value)) return NOT_FINITE[String(value)];
  const text = Object.is(value, -0) ? '-0' : String(value);
  const [digits, exponent] = text.split('e');
  const pointed = digits.includes('.') ? digits : `${digits}.0`;
  return exponent === undefined ? pointed : `${pointed}e${exponent}`;
}

/** A string of the grammar: quotes, backslashes and what is not printable ASCII as two hexadecimal digits of each byte. */
export function quoted(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let escaped = '';
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    escaped += isPlain
      ? String.fromCharCode(byte)
      : `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return `"${escaped}"`;
}
