import { describe, expect, it } from 'vitest';
import * as btc from '../../compiler/language.ts';
import { erf, erfc } from '../../ir/error-function.ts';
import { isClose, WITNESSES, type Witness, witness } from '../support/pointwise-witnesses.ts';

// Values and derivatives where functions bend, break off, overflow and vanish, against closed forms. Where a derivative does
// not exist the convention is that of PyTorch 1.13.

const { POSITIVE_INFINITY: INFINITY, NaN: NAN } = Number;
const MAGNITUDES = [1e-30, 1e-8, 0.3, 0.5, 1, 2, 5, 20, 88, 100, 1e4, 1e20, 3e38, INFINITY];
const POINTS = [0, -0, ...MAGNITUDES.flatMap((x) => [x, -x]), NAN].map(Math.fround);

const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
/** x·p(x) for p that vanishes faster than x grows, and the derivative p(x) + x·p'(x). */
const times = (x: number, p: number) => (p === 0 && !Number.isNaN(x) ? 0 : x * p);
const normal = (x: number) => erfc(-x * Math.SQRT1_2) / 2;
const bell = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const ROOT = 2 * Math.sqrt(2 / Math.PI);
const cubic = (x: number) => ROOT * (x + 0.044715 * x ** 3);
const sloped = (x: number, below: number, at: number, above: number) =>
  x > 0 ? above : x < 0 ? below : x === 0 ? at : NAN;

interface Row {
  readonly f: (x: btc.Tensor) => btc.Tensor;
  readonly value: (x: number) => number;
  readonly slope: (x: number) => number;
  readonly points?: readonly number[];
  /** Error of the derivative beside float32's, absolute. */
  readonly absolute?: number;
  /** Relative error allowed of the targets; exponentials of squares lose digits with the square. */
  readonly relative?: number;
}

const row = (
  f: Row['f'],
  value: Row['value'],
  slope: Row['slope'],
  rest: Omit<Row, 'f' | 'value' | 'slope'> = {},
): Row => ({ f, value, slope, ...rest });

/** Slopes by the result, which keeps 2^-24 of 1. */
const BY_RESULT = { absolute: 1.3e-7 };

const ROWS: Readonly<Record<string, Row>> = {
  neg: row(
    btc.neg,
    (x) => -x,
    () => -1,
  ),
  abs: row(btc.abs, Math.abs, Math.sign),
  sign: row(btc.sign, Math.sign, () => 0),
  floor: row(btc.floor, Math.floor, () => 0),
  square: row(
    btc.square,
    (x) => x * x,
    (x) => 2 * x,
  ),
  reciprocal: row(
    btc.reciprocal,
    (x) => 1 / x,
    (x) => -1 / x / x,
  ),
  exp: row(btc.exp, Math.exp, Math.exp),
  expm1: row(btc.expm1, Math.expm1, Math.exp),
  log: row(btc.log, Math.log, (x) => 1 / x),
  log1p: row(btc.log1p, Math.log1p, (x) => 1 / (1 + x), {
    points: [...POINTS, -1, -1 + 2 ** -13, -1.5],
  }),
  sqrt: row(btc.sqrt, Math.sqrt, (x) => 0.5 / Math.sqrt(x)),
  rsqrt: row(
    btc.rsqrt,
    (x) => 1 / Math.sqrt(x),
    (x) => -0.5 * (1 / Math.sqrt(x)) ** 3,
  ),
  tanh: row(btc.tanh, Math.tanh, (x) => 1 / Math.cosh(x) ** 2, BY_RESULT),
  sigmoid: row(btc.sigmoid, sigmoid, (x) => sigmoid(x) * sigmoid(-x), BY_RESULT),
  softplus: row(btc.softplus, softplus, sigmoid),
  logSigmoid: row(
    btc.logSigmoid,
    (x) => -softplus(-x),
    (x) => sigmoid(-x),
  ),
  erf: row(btc.erf, erf, (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x), { relative: 1e-5 }),
  erfc: row(btc.erfc, erfc, (x) => (-2 / Math.sqrt(Math.PI)) * Math.exp(-x * x), {
    relative: 1e-5,
  }),
  sin: row(btc.sin, Math.sin, Math.cos),
  cos: row(btc.cos, Math.cos, (x) => -Math.sin(x)),
  relu: row(
    btc.relu,
    (x) => Math.max(x, 0),
    (x) => (x <= 0 ? 0 : 1),
  ),
  leakyRelu: row(
    (x) => btc.leakyRelu(x, 0.1),
    (x) => (x > 0 ? x : 0.1 * x),
    (x) => (x > 0 ? 1 : 0.1),
  ),
  silu: row(
    btc.silu,
    (x) => times(x, sigmoid(x)),
    (x) => sigmoid(x) + times(x, sigmoid(x) * sigmoid(-x)),
    { absolute: 1e-6 },
  ),
  gelu: row(
    btc.gelu,
    (x) => times(x, sigmoid(cubic(x))),
    (x) => {
      const s = sigmoid(cubic(x));
      return (
        s + (Math.abs(x) > 100 ? 0 : x * s * sigmoid(-cubic(x)) * ROOT * (1 + 0.134145 * x * x))
      );
    },
    { absolute: 2e-6, relative: 2e-5 },
  ),
  'gelu by the error function': row(
    (x) => btc.gelu(x, { approximate: 'none' }),
    (x) => times(x, normal(x)),
    (x) => normal(x) + times(x, bell(x)),
    { absolute: 2e-7, relative: 2e-5 },
  ),
  'clip, which passes the gradient at its bounds': row(
    (x) => btc.clip(x, -1, 2),
    (x) => Math.min(Math.max(x, -1), 2),
    (x) => (x < -1 || x > 2 ? 0 : 1),
    { points: [...POINTS, -1 - 2 ** -23, -1 + 2 ** -24, 2 - 2 ** -23, 2 + 2 ** -22] },
  ),
  'maximum with a number, which shares a tie': row(
    (x) => btc.maximum(x, 0),
    (x) => Math.max(x, 0),
    (x) => (Number.isNaN(x) ? 1 : sloped(x, 0, 0.5, 1)),
  ),
  'minimum with a number': row(
    (x) => btc.minimum(x, 2),
    (x) => Math.min(x, 2),
    (x) => (Number.isNaN(x) ? 1 : sloped(x - 2, 1, 0.5, 0)),
  ),
  'mod by a number': row(
    (x) => btc.mod(x, 2),
    (x) => x % 2,
    () => 1,
  ),
  'the power 0': row(
    (x) => btc.pow(x, 0),
    () => 1,
    () => 0,
  ),
  'the power 1': row(
    (x) => btc.pow(x, 1),
    (x) => x,
    () => 1,
  ),
  'the power 2': row(
    (x) => btc.pow(x, 2),
    (x) => x * x,
    (x) => 2 * x,
  ),
  'the power 3': row(
    (x) => btc.pow(x, 3),
    (x) => x ** 3,
    (x) => 3 * x * x,
  ),
  'the power 1/2': row(
    (x) => btc.pow(x, 0.5),
    (x) => x ** 0.5,
    (x) => 0.5 * x ** -0.5,
  ),
  'the power -1': row(
    (x) => btc.pow(x, -1),
    (x) => 1 / x,
    (x) => -(x ** -2),
  ),
  'the power 2.5': row(
    (x) => btc.pow(x, 2.5),
    (x) => x ** 2.5,
    (x) => 2.5 * x ** 1.5,
  ),
  'powers of 2': row(
    (x) => btc.pow(2, x),
    (x) => 2 ** x,
    (x) => 2 ** x * Math.LN2,
    { relative: 4e-6 },
  ),
  'powers of 0': row(
    (x) => btc.pow(0, x),
    (x) => 0 ** x,
    (x) => (x >= 0 ? 0 : x < 0 ? -INFINITY : NAN),
  ),
  // What users write by hand; the compiler takes the logarithms of exponentials together.
  'log(sigmoid(x))': row(
    (x) => btc.log(btc.sigmoid(x)),
    (x) => -softplus(-x),
    (x) => sigmoid(-x),
  ),
  'log(1 - sigmoid(x))': row(
    (x) => btc.log(btc.sub(1, btc.sigmoid(x))),
    (x) => -softplus(x),
    (x) => -sigmoid(x),
  ),
  'log(1 + exp(x))': row((x) => btc.log(btc.add(1, btc.exp(x))), softplus, sigmoid),
  'log(exp(x))': row(
    (x) => btc.log(btc.exp(x)),
    (x) => x,
    () => 1,
  ),
  // The branch that is not taken has infinite slopes and values that are no numbers.
  'x·log(x) where x > 0': row(
    (x) => btc.select(btc.greater(x, 0), btc.mul(x, btc.log(x)), 0),
    (x) => (x > 0 ? x * Math.log(x) : 0),
    // ∞·(1/∞) is no number, as in PyTorch.
    (x) => (x === INFINITY ? NAN : x > 0 ? Math.log(x) + 1 : 0),
    { absolute: 1e-6 },
  ),
  'sqrt(x) where x > 0': row(
    (x) => btc.select(btc.greater(x, 0), btc.sqrt(x), 0),
    (x) => (x > 0 ? Math.sqrt(x) : 0),
    (x) => (x > 0 ? 0.5 / Math.sqrt(x) : 0),
  ),
  'exp(1 / x) where x < 0': row(
    (x) => btc.select(btc.less(x, 0), btc.exp(btc.div(1, x)), 0),
    (x) => (x < 0 ? Math.exp(1 / x) : 0),
    (x) => (x < 0 ? -times(1 / x / x, Math.exp(1 / x)) : 0),
    { relative: 1e-5 },
  ),
  'tanh(1 / log(x)) where x > 2': row(
    (x) => btc.select(btc.greater(x, 2), btc.tanh(btc.div(1, btc.log(x))), 0),
    (x) => (x > 2 ? Math.tanh(1 / Math.log(x)) : 0),
    (x) => (x > 2 ? -1 / Math.cosh(1 / Math.log(x)) ** 2 / Math.log(x) ** 2 / x : 0),
    { relative: 1e-5 },
  ),
};

/** What stands in the table of all witnesses but should not. */
function wrong(
  by: Witness,
  of: string,
  points: readonly (readonly number[])[],
  given: readonly number[],
  wanted: (...x: number[]) => number,
  tolerance: { relative?: number; absolute?: number },
): string[] {
  return given.flatMap((number, i) => {
    const x = points.map((column) => column[i]);
    const want = wanted(...x);
    const fine = isClose(number, want, by, tolerance);
    return fine
      ? []
      : [`${by}: ${of}(${x.map((a) => (Object.is(a, -0) ? '-0' : a))}) is ${number}, not ${want}`];
  });
}

describe('functions of one operand', async () => {
  const names = Object.keys(ROWS);
  const results = await witness(
    names.map((name) => ({ name, f: ROWS[name].f, points: [ROWS[name].points ?? POINTS] })),
  );
  it.each(names)('%s', (name) => {
    const { value, slope, points = POINTS, relative, absolute } = ROWS[name];
    const problems = WITNESSES.flatMap((by) => {
      const result = results[by][names.indexOf(name)];
      return [
        ...wrong(by, 'f', [points], result.value, value, { relative }),
        ...wrong(by, "f'", [points], result.derivatives[0], slope, { relative, absolute }),
      ];
    });
    expect(problems).toEqual([]);
  });
});

const PAIRS = [0, -0, 0.5, 1, -1, 2, -2, 3, -30, 1e20, -1e20, INFINITY, -INFINITY, NAN];
const A = PAIRS.flatMap((a) => PAIRS.map(() => a)).map(Math.fround);
const B = PAIRS.flatMap(() => PAIRS).map(Math.fround);

type Of = (a: number, b: number) => number;
const half = (a: number, b: number, wins: number) => (a === b ? 0.5 : wins);
const lnOfBase = (a: number, b: number) => {
  const y = power(a, b);
  return (a === 0 && b >= 0) || (y === 0 && a > 0) ? 0 : y * Math.log(a);
};
const power = (a: number, b: number) =>
  a === 1 || (a === -1 && Math.abs(b) === INFINITY) ? 1 : a ** b;

const BINARY: Readonly<
  Record<string, readonly [(a: btc.Tensor, b: btc.Tensor) => btc.Tensor, Of, Of, Of]>
> = {
  add: [btc.add, (a, b) => a + b, () => 1, () => 1],
  sub: [btc.sub, (a, b) => a - b, () => 1, () => -1],
  mul: [btc.mul, (a, b) => a * b, (_, b) => b, (a) => a],
  div: [btc.div, (a, b) => a / b, (_, b) => 1 / b, (a, b) => -(a / b) / b],
  maximum: [
    btc.maximum,
    Math.max,
    (a, b) => half(a, b, a < b ? 0 : 1),
    (a, b) => half(a, b, b < a ? 0 : 1),
  ],
  minimum: [
    btc.minimum,
    Math.min,
    (a, b) => half(a, b, a > b ? 0 : 1),
    (a, b) => half(a, b, b > a ? 0 : 1),
  ],
  mod: [btc.mod, (a, b) => a % b, () => 1, (a, b) => -((a - (a % b)) / b)],
  pow: [btc.pow, power, (a, b) => (b === 0 ? 0 : b * power(a, b - 1)), lnOfBase],
};

describe('functions of two operands', async () => {
  const names = Object.keys(BINARY);
  const results = await witness(
    names.map((name) => ({ name, f: BINARY[name][0], points: [A, B] })),
  );
  it.each(names)('%s', (name) => {
    const [, value, ofLeft, ofRight] = BINARY[name];
    const problems = WITNESSES.flatMap((by) => {
      const result = results[by][names.indexOf(name)];
      const check = (of: string, given: readonly number[], wanted: Of) =>
        wrong(by, of, [A, B], given, wanted, {});
      return [
        ...check('f', result.value, value),
        ...check('df/da', result.derivatives[0], ofLeft),
        ...check('df/db', result.derivatives[1], ofRight),
      ];
    });
    expect(problems).toEqual([]);
  });
});
