import type { ValueType } from '../dialect.ts';

export const TYPES: Readonly<Record<ValueType, string>> = {
  f32: 'f32',
  i32: 'i32',
  index: 'i32',
  f32x4: 'vec4<f32>',
  i32x4: 'vec4<i32>',
};
