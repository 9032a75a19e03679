import type { StorageType } from '../../../../ir/dtypes.ts';
import type { ValueType } from '../dialect.ts';

export const TYPES: Readonly<Record<ValueType, string>> = {
  f32: 'f32',
  i32: 'i32',
  index: 'i32',
  f32x4: 'vec4<f32>',
  i32x4: 'vec4<i32>',
};

/** What arrays in memory hold, alone and in vectors, and how elements are read and written there. */
interface StoredRow {
  readonly type: string;
  readonly vector: string;
  /** The value of an element of an array of single ones, and of one of vectors; the values of four in a row. */
  readonly load: (array: string, address: string) => string;
  readonly loadLane: (array: string, address: string) => string;
  readonly loadQuad: (array: string, address: string) => string;
  /** What is stored of a value, and of four. */
  readonly store: (value: string) => string;
  readonly storeAll: (values: string) => string;
}

/** Vectors have four elements; of an i8 array each word has. */
export const quadOf = (array: string, address: string) => `${array}[(${address}) >> 2u]`;
export const laneOf = (address: string) => `(${address}) & 3`;

const asItIs = (text: string) => text;

/** Where each element has a place of its own. */
const ofElements = (
  load: (element: string) => string,
  loadAll: (vector: string) => string,
): Pick<StoredRow, 'load' | 'loadLane' | 'loadQuad'> => ({
  load: (array, address) => load(`${array}[${address}]`),
  loadLane: (array, address) => load(`${quadOf(array, address)}[${laneOf(address)}]`),
  loadQuad: (array, address) => loadAll(quadOf(array, address)),
});

const AS_IT_IS = { ...ofElements(asItIs, asItIs), store: asItIs, storeAll: asItIs };

/** A byte of a word, with its sign. */
const byteOf = (array: string, address: string) =>
  `f32(extractBits(${quadOf(array, address)}, u32(${laneOf(address)}) * 8u, 8u))`;

const readOnly = (): string => {
  throw new Error('no kernel stores i8');
};

export const STORED: Readonly<Record<StorageType, StoredRow>> = {
  f32: { type: TYPES.f32, vector: TYPES.f32x4, ...AS_IT_IS },
  i32: { type: TYPES.i32, vector: TYPES.i32x4, ...AS_IT_IS },
  f16: {
    ...{ type: 'f16', vector: 'vec4<f16>' },
    ...ofElements(
      (element) => `f32(${element})`,
      (vector) => `vec4<f32>(${vector})`,
    ),
    store: (value) => `f16(${value})`,
    storeAll: (values) => `vec4<f16>(${values})`,
  },
  i8: {
    ...{ type: 'i32', vector: 'i32' },
    ...{ load: byteOf, loadLane: byteOf },
    loadQuad: (array, address) =>
      `vec4<f32>((vec4<i32>(${quadOf(array, address)}) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u))`,
    ...{ store: readOnly, storeAll: readOnly },
  },
};
