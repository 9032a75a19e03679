import { expect, test } from 'vitest';
import type { RuntimeError } from '../../runtime/index.ts';
import { type TensorInput, toTensorData } from '../../runtime/values.ts';

const rows = (...lengths: number[]) => lengths.map((length) => new Array<number>(length).fill(1));
const refusal = (value: unknown, shape: readonly number[]): RuntimeError => {
  try {
    toTensorData(value as TensorInput, { dtype: 'f32', shape }, 'x');
  } catch (error) {
    return error as RuntimeError;
  }
  throw new Error('the value was taken');
};

test.each([
  ['a scalar', 7, [], [7]],
  ['a number for one element', 7, [1, 1], [7]],
  ['a flat array', [1, 2, 3, 4], [2, 2], [1, 2, 3, 4]],
  [
    'rows',
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    [2, 3],
    [1, 2, 3, 4, 5, 6],
  ],
  [
    'rows of rows',
    [
      [[1], [2]],
      [[3], [4]],
    ],
    [2, 2, 1],
    [1, 2, 3, 4],
  ],
])('%s', (_, value, shape, wanted) => {
  expect([...toTensorData(value, { dtype: 'f32', shape }, 'x')]).toEqual(wanted);
});

test.each<[string, unknown, number[], string]>([
  [
    'rows whose lengths differ though the total fits',
    rows(100, 100, 100, 99, 101),
    [5, 100],
    'an array whose row [3] has length 99 and row [0] 100',
  ],
  ['a short last row', [[1, 2], [3]], [2, 2], 'an array whose row [1] has length 1 and row [0] 2'],
  [
    'a short row further in',
    [rows(2, 2), rows(2, 1)],
    [2, 2, 2],
    'an array whose row [1][1] has length 1 and row [0][0] 2',
  ],
  [
    'a list of another length further in',
    [rows(2, 2), rows(2)],
    [2, 2, 2],
    'an array whose row [1] has length 1 and row [0] 2',
  ],
  ['a number among rows', [[1, 2], 3], [2, 2], 'an array whose row [1] is no array'],
  ['rows of another shape', rows(6, 6), [3, 4], '[2,6]'],
])('%s are refused', (_, value, shape, given) => {
  expect(refusal(value, shape)).toMatchObject({
    code: 'invalid-input',
    message: `x is f32[${shape}], but ${given} was given`,
  });
});

test.each<[string, unknown, string]>([
  [
    'an array among numbers',
    [
      [1, 2],
      [3, [4]],
    ],
    'element 3 is object',
  ],
  ['a hole', Object.assign([1, 2], { 3: 4 }), 'element 2 is undefined'],
  ['a hole in a row', [[1, 2], Object.assign([3], { length: 2 })], 'element 3 is undefined'],
])('%s is refused', (_, value, problem) => {
  expect(refusal(value, [2, 2]).message).toBe(`x is f32, but ${problem}`);
});
