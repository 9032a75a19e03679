import { ERF_COEFFICIENTS, ERFC_COEFFICIENTS } from '../../codegen/polynomials.ts';
import type { Body, Helper, Value } from './body.ts';
import type { ValueType } from './types.ts';

// StableHLO has no error function. What is written here is what btc's own kernels compute, to the precision of float32.

/** Coefficients of the highest power first. */
function polynomial(body: Body, x: Value, coefficients: readonly number[]): Value {
  let sum = body.like(x, coefficients[0]);
  for (const coefficient of coefficients.slice(1))
    sum = body.same('add', [body.same('multiply', [sum, x]), body.like(x, coefficient)]);
  return sum;
}

/** From where on erfc is 0 in float32, and from where on erf is not the series. */
const VANISHES = 10.5;
/** Leaves the upper 12 bits of a significand, whose square is exact in float32. */
const UPPER_BITS = 0xfffff000;

/** erfc(a) for a >= 0: the quotient's polynomial times exp(-a²), whose square goes to exp in two parts, the first exact. */
function tail(body: Body, absolute: Value): Value {
  const { shape } = absolute.type;
  const one = (value: number) => body.like(absolute, value);
  const a = body.same('minimum', [absolute, one(VANISHES)]);
  const t = body.same('divide', [
    body.same('subtract', [a, one(2)]),
    body.same('add', [a, one(2)]),
  ]);
  const bits = body.same('and', [
    body.bitcast(a, 'ui32'),
    body.constant(UPPER_BITS, 'ui32', shape),
  ]);
  const upper = body.bitcast(bits, 'f32');
  const square = body.same('multiply', [upper, upper]);
  const rest = body.same('multiply', [
    body.same('subtract', [a, upper]),
    body.same('add', [a, upper]),
  ]);
  const decay = body.same('multiply', [
    body.same('exponential', [body.same('negate', [square])]),
    body.same('exponential', [body.same('negate', [rest])]),
  ]);
  const divisor = body.same('add', [body.same('add', [a, a]), one(1)]);
  const quotient = body.same('divide', [polynomial(body, t, ERFC_COEFFICIENTS), divisor]);
  return body.same('multiply', [decay, quotient]);
}

function series(body: Body, x: Value): Value {
  const square = body.same('multiply', [x, x]);
  return body.same('add', [
    x,
    body.same('multiply', [x, polynomial(body, square, ERF_COEFFICIENTS)]),
  ]);
}

const helper = (name: string, type: ValueType, write: (body: Body, x: Value) => Value): Helper => ({
  name: [name, ...type.shape].join('_'),
  parameters: [type],
  result: type,
  write: (body, [x]) => {
    // A comparison with NaN is false, and so is the branch that it takes: NaN goes through.
    const isNan = body.compare('NE', x, x);
    return body.select(isNan, x, write(body, x));
  },
});

/** The error function of tensors of a type. */
export const erfHelper = (type: ValueType): Helper =>
  helper('erf', type, (body, x) => {
    const a = body.same('abs', [x]);
    const far = body.same('multiply', [
      body.same('sign', [x]),
      body.same('subtract', [body.like(x, 1), tail(body, a)]),
    ]);
    return body.select(body.compare('LE', a, body.like(x, 1)), series(body, x), far);
  });

/** One minus the error function, with its relative precision where that is small. */
export const erfcHelper = (type: ValueType): Helper =>
  helper('erfc', type, (body, x) => {
    const a = body.same('abs', [x]);
    const far = tail(body, a);
    const mirrored = body.same('subtract', [body.like(x, 2), far]);
    const outside = body.select(body.compare('LT', x, body.like(x, 0)), mirrored, far);
    const near = body.same('subtract', [body.like(x, 1), series(body, x)]);
    return body.select(body.compare('LE', a, body.like(x, 0.5)), near, outside);
  });
