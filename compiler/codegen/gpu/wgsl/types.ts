import type { StorageType } from '../../../../ir/dtypes.ts';
import type { ValueType } from '../dialect.ts';

export const TYPES: Readonly<Record<ValueType, string>> = {
  f32: 'f32',
  i32: 'i32',
  index: 'i32',
  f32x4: 'vec4<f32>',
  i32x4: 'vec4<i32>',
};

/** What arrays in memory hold, an element of them as a value, and a value as an element. */
export const STORED: Readonly<
  Record<
    StorageType,
    {
      readonly type: string;
      readonly load: (element: string) => string;
      readonly store: (value: string) => string;
    }
  >
> = {
  f32: { type: 'f32', load: (element) => element, store: (value) => value },
  i32: { type: 'i32', load: (element) => element, store: (value) => value },
  f16: { type: 'f16', load: (element) => `f32(${element})`, store: (value) => `f16(${value})` },
};
