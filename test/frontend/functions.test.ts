import { describe, it } from 'vitest';
import * as btc from '../../compiler/language.ts';
import {
  column,
  dot,
  expectOutputs,
  expectValue,
  flat,
  i32,
  type Matrix,
  numbers,
  sigmoid,
  tabulate,
  timesMatrix,
  total,
  type Vector,
} from './expect-outputs.ts';

const SIGNED: Vector = [-3.5, -1, -0.25, 0, 0.5, 2, 4.75];
const POSITIVE: Vector = [0.125, 0.5, 1, 2, 9];

/** Calls the method of the name, as a user may, where tensors have one that takes nothing. */
const asMethod = (name: string, f: (x: btc.Tensor) => btc.Tensor) => (a: btc.Tensor) => {
  const method = (a as unknown as Record<string, (() => btc.Tensor) | undefined>)[name];
  return method?.length === 0 ? method.call(a) : f(a);
};

describe('a function of every element', () => {
  it.each<[string, (x: btc.Tensor) => btc.Tensor, (x: number) => number, Vector]>([
    ['neg', btc.neg, (x) => 0 - x, [-3.5, 1, 2]],
    ['abs', btc.abs, (x) => (x < 0 ? -x : x), SIGNED],
    ['sign', btc.sign, (x) => Number(x > 0) - Number(x < 0), SIGNED],
    ['exp', btc.exp, (x) => Math.E ** x, SIGNED],
    ['log', btc.log, (x) => Math.log2(x) * Math.LN2, POSITIVE],
    ['sqrt', btc.sqrt, (x) => x ** 0.5, POSITIVE],
    ['rsqrt', btc.rsqrt, (x) => x ** -0.5, POSITIVE],
    ['reciprocal', btc.reciprocal, (x) => x ** -1, POSITIVE],
    ['square', btc.square, (x) => x ** 2, SIGNED],
    ['tanh', btc.tanh, (x) => Math.sinh(x) / Math.cosh(x), SIGNED],
    ['sigmoid', btc.sigmoid, sigmoid, [...SIGNED, 40, -800]],
    ['sin', btc.sin, (x) => Math.cos(x - Math.PI / 2), SIGNED],
    ['cos', btc.cos, (x) => Math.sin(x + Math.PI / 2), SIGNED],
    ['floor', btc.floor, (x) => x - (((x % 1) + 1) % 1), SIGNED],
    ['relu', btc.relu, (x) => Math.max(x, 0), SIGNED],
    ['leakyRelu', btc.leakyRelu, (x) => (x > 0 ? x : 0.01 * x), SIGNED],
    ['leakyRelu of slope 0.2', (x) => btc.leakyRelu(x, 0.2), (x) => Math.max(x, 0.2 * x), SIGNED],
    ['silu', btc.silu, (x) => x * sigmoid(x), SIGNED],
    ['softplus', btc.softplus, (x) => (x > 50 ? x : Math.log1p(Math.E ** x)), [...SIGNED, 800]],
    [
      'gelu',
      btc.gelu,
      (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
      SIGNED,
    ],
    ['stopGradient', btc.stopGradient, (x) => x, SIGNED],
    ['clip', (x) => btc.clip(x, -1, 2.5), (x) => (x < -1 ? -1 : Math.min(x, 2.5)), SIGNED],
  ])('%s', (name, f, reference, x) => {
    expectValue([x], f, x.map(reference));
    expectValue([x], asMethod(name, f), x.map(reference));
  });

  it.each<[string, typeof btc.add, (a: number, b: number) => number]>([
    ['add', btc.add, (a, b) => a - -b],
    ['sub', btc.sub, (a, b) => a - b],
    ['mul', btc.mul, (a, b) => a * b],
    ['div', btc.div, (a, b) => a / b],
    [
      'pow',
      (a, b) => btc.pow(btc.abs(a as btc.Tensor), b),
      (a, b) => Math.exp(b * Math.log(Math.abs(a))),
    ],
    ['mod', btc.mod, (a, b) => a - b * Math.trunc(a / b)],
    ['maximum', btc.maximum, (a, b) => Math.max(a, b)],
    ['minimum', btc.minimum, (a, b) => Math.min(a, b)],
  ])('%s broadcasts as numpy does', (_, f, reference) => {
    const [x, row, col] = [
      numbers<Matrix>([2, 3]),
      numbers<Vector>([3], 5),
      numbers<Matrix>([2, 1], 9),
    ];
    expectValue(
      [x, row],
      f,
      tabulate([2, 3], (i, j) => reference(x[i][j], row[j])),
    );
    expectValue(
      [col, row],
      f,
      tabulate([2, 3], (i, j) => reference(col[i][0], row[j])),
    );
    expectValue(
      [x],
      (a) => f(a, 1.5),
      tabulate([2, 3], (i, j) => reference(x[i][j], 1.5)),
    );
  });

  it('takes numbers, and has methods of the same names', () => {
    const powers = POSITIVE.map((x) => 2 ** x);
    expectValue([POSITIVE], (a) => btc.pow(2, a), powers);
    expectValue([POSITIVE, powers], (a, b) => a.add(b).sub(a).div(b).mul(b), powers);
    expectValue(
      [POSITIVE],
      (a) => a.pow(3),
      POSITIVE.map((x) => x * x * x),
    );
  });

  it.each<[string, typeof btc.equal, Vector]>([
    ['equal', btc.equal, [0, 1, 0]],
    ['notEqual', btc.notEqual, [1, 0, 1]],
    ['less', btc.less, [1, 0, 0]],
    ['lessEqual', btc.lessEqual, [1, 1, 0]],
    ['greater', btc.greater, [0, 0, 1]],
    ['greaterEqual', btc.greaterEqual, [0, 1, 1]],
  ])('%s gives 0 or 1 as i32, for floats and integers', (_, f, wanted) => {
    expectValue([[1.25, 1.5, 1.75]], (a) => f(a, 1.5), i32(wanted));
    expectValue([i32([-3, 2, 7]), i32([2, 2, 2])], f, i32(wanted));
  });

  it('combines truth values, where anything but 0 is true', () => {
    const [a, b] = [i32([0, 0, 1, -5]), i32([0, 7, 0, 2])];
    expectValue([a, b], btc.logicalAnd, i32([0, 0, 0, 1]));
    expectValue([a, b], btc.logicalOr, i32([0, 1, 1, 1]));
    expectValue([a], btc.logicalNot, i32([1, 1, 0, 0]));
  });

  it('selects by a condition that is broadcast', () => {
    const [x, y] = [numbers<Matrix>([2, 3]), numbers<Matrix>([2, 3], 4)];
    const wanted = tabulate([2, 3], (i, j) => (j === 1 ? y : x)[i][j]);
    expectValue([i32([1, 0, -2]), x, y], btc.select, wanted);
    expectValue(
      [i32([1, 0, 1]), x],
      (c, a) => btc.where(c, a, -9),
      tabulate([2, 3], (i, j) => (j === 1 ? -9 : x[i][j])),
    );
  });

  it('treats integers as 32 bits, truncating quotients towards zero', () => {
    const [a, b] = [i32([-7, 7, -7, 2147483647]), i32([2, -2, -2, 3])];
    expectValue([a, b], btc.div, i32([-3, -3, 3, 715827882]));
    expectValue([a, b], btc.mod, i32([-1, 1, -1, 1]));
    expectValue([a, b], btc.mul, i32([-14, -14, 14, 2147483645]));
    expectValue([a], (x) => btc.add(x, 1), i32([-6, 8, -6, -2147483648]));
  });

  it('converts between floats and integers', () => {
    const x = [-2.75, -0.5, 2.99, 3e9, -3e9];
    expectValue([x], (a) => btc.cast(a, 'i32'), i32([-2, 0, 2, 2147483647, -2147483648]));
    expectValue([i32([-3, 0, 8])], (a) => a.cast('f32'), [-3, 0, 8]);
  });
});

describe('a view', () => {
  const x = numbers<readonly Matrix[]>([2, 3, 4]);
  const m = x[0];

  it('reshapes, inserts and removes axes in row-major order', () => {
    const rows = tabulate([6, 4], (i, j) => x[Math.floor(i / 3)][i % 3][j]);
    expectValue([x], (a) => btc.reshape(a, [-1, 4]), rows);
    expectValue(
      [m],
      (a) => btc.expandDims(a, 1),
      m.map((row) => [row]),
    );
    expectValue(
      [m],
      (a) => btc.expandDims(a, -1),
      tabulate([3, 4, 1], (i, j) => m[i][j]),
    );
    expectValue([[[[1], [2]]]], (a) => btc.squeeze(a), [1, 2]);
    expectValue([[[[1], [2]]]], (a) => btc.squeeze(a, -1), [[1, 2]]);
  });

  it('transposes', () => {
    expectValue(
      [m],
      (a) => a.transpose(),
      tabulate([4, 3], (i, j) => m[j][i]),
    );
    expectValue(
      [x],
      (a) => btc.transpose(a),
      tabulate([2, 4, 3], (b, i, j) => x[b][j][i]),
    );
    const moved = tabulate([4, 2, 3], (i, j, k) => x[j][k][i]);
    expectValue([x], (a) => btc.transpose(a, [2, 0, 1]), moved);
  });

  it('slices from either end and in steps', () => {
    expectValue(
      [x],
      (a) => btc.slice(a, 1, 1),
      x.map((part) => part.slice(1)),
    );
    expectValue(
      [m],
      (a) => a.slice(-1, -3, -1),
      m.map((row) => row.slice(1, 3)),
    );
    expectValue([[0, 1, 2, 3, 4, 5, 6]], (a) => btc.slice(a, 0, 1, 7, 3), [1, 4]);
    expectValue([[0, 1, 2, 3, 4, 5, 6]], (a) => btc.slice(a, 0, 0, 7, 3), [0, 3, 6]);
  });

  it('pads, with different numbers at different places', () => {
    const [rows, columns] = [
      [1, 0],
      [2, 1],
    ];
    const padded = tabulate([4, 7], (i, j) => m[i - 1]?.[j - 2] ?? 7);
    expectValue([m], (a) => btc.pad(a, [rows, columns], 7), padded);
    const build = ({ x }: Readonly<Record<string, btc.Tensor>>) => ({
      largest: btc.max(btc.pad(x, [columns], Number.NEGATIVE_INFINITY)),
      smallest: btc.min(btc.pad(x, [columns], Number.POSITIVE_INFINITY)),
    });
    expectOutputs({ inputs: { x: [3, 5, 4] }, build }, { largest: 5, smallest: 3 });
  });

  it('broadcasts', () => {
    expectValue(
      [[[1], [2]]],
      (a) => btc.broadcastTo(a, [3, 2, 2]),
      tabulate([3, 2, 2], (_, i) => i + 1),
    );
  });

  it('joins and cuts', () => {
    const other = numbers<Matrix>([3, 2], 3);
    const joined = m.map((row, i) => [...row, ...other[i]]);
    expectValue([m, other], (a, b) => btc.concat([a, b], -1), joined);
    const stacked = tabulate([3, 2, 4], (i, k, j) => x[k][i][j]);
    expectValue([x[0], x[1]], (a, b) => btc.stack([a, b], 1), stacked);
    expectValue(
      [x[0], x[1]],
      (a, b) => btc.stack([a, b], -1),
      tabulate([3, 4, 2], (i, j, k) => x[k][i][j]),
    );
    expectValue(
      [m],
      (a) => btc.split(a, 2, 1)[1],
      m.map((row) => row.slice(2)),
    );
  });

  it('gathers rows, clamping indices to the table', () => {
    const indices = i32([
      [2, 0],
      [-4, 9],
    ]);
    expectValue([m, indices], btc.gather, [
      [m[2], m[0]],
      [m[0], m[2]],
    ]);
    expectValue([i32([0, 2, 5])], (a) => btc.oneHot(a, 3), [
      [1, 0, 0],
      [0, 0, 1],
      [0, 0, 0],
    ]);
  });

  it('counts and fills', () => {
    const build = () => ({
      arange: btc.arange(3),
      iota: btc.iota([2, 2], 0),
      zeros: btc.zeros([2], 'i32'),
      ones: btc.ones([1, 2]),
      full: btc.full([2], 2.5),
      constant: btc.constant(-1),
    });
    expectOutputs(
      { build },
      {
        arange: i32([0, 1, 2]),
        iota: i32([
          [0, 0],
          [1, 1],
        ]),
        zeros: i32([0, 0]),
        ones: [[1, 1]],
        full: [2.5, 2.5],
        constant: -1,
      },
    );
  });
});

describe('a reduction', () => {
  const x = numbers<readonly Matrix[]>([2, 3, 4]);
  const average = (v: Vector) => total(v) / v.length;
  it.each<[string, typeof btc.sum, (x: Vector) => number]>([
    ['sum', btc.sum, total],
    ['mean', btc.mean, average],
    ['max', btc.max, (v) => Math.max(...v)],
    ['min', btc.min, (v) => Math.min(...v)],
    ['variance', btc.variance, (v) => average(v.map((e) => e * e)) - average(v) ** 2],
  ])('%s over one axis, several or all', (name, f, reference) => {
    const ends = [0, 1, 2].map((j) => reference([...x[0][j], ...x[1][j]]));
    expectValue([x], asMethod(name, f), reference(flat(x)));
    expectValue(
      [x],
      (a) => f(a, -1),
      x.map((part) => part.map(reference)),
    );
    expectValue([x], (a) => f(a, [2, 0]), ends);
    expectValue([x], (a) => f(a, [0, 2], { keepDims: true }), [ends.map((e) => [e])]);
  });

  it('finds the first extreme element, and the sum of squares', () => {
    const m = [
      [3, 1, 3],
      [-5, -5, 0],
    ];
    expectValue([m], (a) => btc.argmax(a), i32([0, 2]));
    expectValue([m], (a) => btc.argmin(a), i32([1, 0]));
    expectValue([m], (a) => btc.argmax(a, 0), i32([0, 0, 0]));
    expectValue([m], btc.sumOfSquares, 69);
  });

  it('wraps integers to 32 bits, those of constants too', () => {
    const build = () => ({ y: btc.sum(btc.full([3], 2 ** 30, 'i32')) });
    expectValue([i32([2 ** 30, 2 ** 30, 2 ** 30])], (a) => a.sum(), i32(-(2 ** 30)));
    expectOutputs({ build }, { y: i32(-(2 ** 30)) });
  });
});

describe('a contraction', () => {
  const [a, b] = [numbers<Matrix>([2, 3]), numbers<Matrix>([3, 4], 7)];
  const [left, right] = [
    numbers<readonly Matrix[]>([2, 5, 3], 1),
    numbers<readonly Matrix[]>([2, 3, 4], 2),
  ];
  it('multiplies matrices and vectors, with broadcast leading axes', () => {
    const v = b.map((row) => row[0]);
    const times = (m: Matrix, n: Matrix) => m.map((row) => timesMatrix(row, n));
    expectValue([a, b], btc.matmul, times(a, b));
    expectValue([v, v], btc.matmul, dot(v, v));
    expectValue([v, b], btc.matmul, timesMatrix(v, b));
    expectValue(
      [left, v],
      btc.matmul,
      left.map((m) => m.map((row) => dot(row, v))),
    );
    expectValue(
      [left, b],
      btc.matmul,
      left.map((m) => times(m, b)),
    );
    expectValue(
      [left, right],
      btc.matmul,
      left.map((m, k) => times(m, right[k])),
    );
    expectValue(
      [a, right],
      btc.matmul,
      right.map((m) => times(a, m)),
    );
    expectValue(
      [v, right],
      btc.matmul,
      right.map((m) => timesMatrix(v, m)),
    );
  });

  it('sums what the output lacks', () => {
    expectValue(
      [a],
      (x) => btc.einsum('ij->ji', x),
      tabulate([3, 2], (i, j) => a[j][i]),
    );
    expectValue(
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
      (x) => btc.einsum('ii->i', x),
      [1, 4],
    );
    expectValue([a, b], (x, y) => btc.einsum('ij,kl->', x, y), total(flat(a)) * total(flat(b)));
    const weights: Vector = [2, -1];
    const wanted = tabulate(
      [4, 2, 5],
      (n, k, m) => weights[k] * dot(left[k][m], column(right[k], n)),
    );
    expectValue([left, right, weights], (x, y, z) => btc.einsum('kmi,kin,k->nkm', x, y, z), wanted);
  });
});
