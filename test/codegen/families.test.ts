import { expect, test } from 'vitest';
import { familiesOf } from '../../compiler/codegen/gpu/families.ts';
import { WGSL } from '../../compiler/codegen/gpu/wgsl/dialect.ts';

const part = (start: number, factor = '2f', divisor = 8) => [
  `let x = b0[${start} + local];`,
  `let y = x * ${factor} + ${start} / ${divisor};`,
  `b0[${start} + local] = y;`,
];

test('parts that differ in whole numbers alone are one family, over a name for each number that differs', () => {
  expect(familiesOf([part(0), part(64), part(128)], WGSL.keepsNumbers)).toEqual([
    {
      parts: [0, 1, 2],
      lines: [
        'let x = b0[number0 + local];',
        'let y = x * 2f + number0 / 8;',
        'b0[number0 + local] = y;',
      ],
      numbers: [{ name: 'number0', values: ['0', '64', '128'] }],
    },
  ]);
});

test('other literals, divisors, loops and arrays keep parts apart', () => {
  const apart = [
    part(0),
    part(64, '3f'),
    part(64, '0.2f'),
    part(64, '2e-3f'),
    part(64, '2u'),
    part(64, '2f', 16),
    [...part(64), 'for (var i = 0; i < 4; i++) {', '}'],
    [...part(64), 'for (var i = 0; i < 5; i++) {', '}'],
    [...part(64), 'var t = array<f32, 4>();'],
    [...part(64), 'var t = array<f32, 5>();'],
  ];
  const families = familiesOf(apart, WGSL.keepsNumbers);
  expect(families.map(({ parts }) => parts)).toEqual(apart.map((_, p) => [p]));
  expect(families.map(({ lines }) => lines)).toEqual(apart);
});

test('what is to be written by itself is, and families stand where their first members do', () => {
  const families = familiesOf([null, part(0), null, part(4, '3f'), part(8)], WGSL.keepsNumbers);
  expect(families.map(({ parts }) => parts)).toEqual([[0], [1, 4], [2], [3]]);
});
