import type { StorageType } from '../../../../ir/dtypes.ts';
import type { ValueType } from '../dialect.ts';

export const TYPES: Readonly<Record<ValueType, string>> = {
  f32: 'f32',
  i32: 'i32',
  index: 'i32',
  f32x4: 'vec4<f32>',
  i32x4: 'vec4<i32>',
};

/** What arrays in memory hold. */
export const STORED: Readonly<Record<StorageType, string>> = { f32: 'f32', i32: 'i32', f16: 'f16' };
