import type { StorageType } from '../../../../ir/dtypes.ts';
import type { ValueType } from '../dialect.ts';

export const TYPES: Readonly<Record<ValueType, string>> = {
  f32: 'f32',
  i32: 'i32',
  index: 'i32',
  f32x4: 'vec4<f32>',
  i32x4: 'vec4<i32>',
};

/** What arrays in memory hold, alone and in vectors, and conversions between that and values. */
interface StoredRow {
  readonly type: string;
  readonly vector: string;
  readonly load: (element: string) => string;
  readonly loadAll: (vector: string) => string;
  readonly store: (value: string) => string;
  readonly storeAll: (values: string) => string;
}

const asItIs = (text: string) => text;
const AS_IT_IS = { load: asItIs, loadAll: asItIs, store: asItIs, storeAll: asItIs };

export const STORED: Readonly<Record<StorageType, StoredRow>> = {
  f32: { type: TYPES.f32, vector: TYPES.f32x4, ...AS_IT_IS },
  i32: { type: TYPES.i32, vector: TYPES.i32x4, ...AS_IT_IS },
  f16: {
    ...{ type: 'f16', vector: 'vec4<f16>' },
    load: (element) => `f32(${element})`,
    loadAll: (vector) => `vec4<f32>(${vector})`,
    store: (value) => `f16(${value})`,
    storeAll: (values) => `vec4<f16>(${values})`,
  },
};
