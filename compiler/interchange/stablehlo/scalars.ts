import type { ScalarOp } from '../../../ir/scalar.ts';
import type { Body, Value } from './body.ts';
import { erfcHelper, erfHelper } from './error-function.ts';

/** The operands of an elementwise op. `predicate` gives operand k as truth values. */
export interface Operands {
  readonly values: readonly Value[];
  readonly predicate: (k: number) => Value;
}

/** Writes an elementwise op. What gives truth values has element type `i1`; who reads them as numbers converts. */
export type ScalarRule = (body: Body, operands: Operands) => Value;

const plain =
  (op: string): ScalarRule =>
  (body, { values }) =>
    body.same(op, values);

const comparing =
  (direction: string): ScalarRule =>
  (body, { values: [a, b] }) =>
    body.compare(direction, a, b);

const logical =
  (op: string): ScalarRule =>
  (body, { values, predicate }) =>
    body.same(
      op,
      values.map((_, k) => predicate(k)),
    );

/** By element type: integers have a rule of their own. */
const byElement =
  (float: ScalarRule, integer: ScalarRule): ScalarRule =>
  (body, operands) =>
    operands.values[0].type.element === 'i32' ? integer(body, operands) : float(body, operands);

/** Division by zero is defined here and not in StableHLO: what the op gives where the divisor is zero. */
const guarded =
  (op: string, ofZero: (body: Body, dividend: Value) => Value): ScalarRule =>
  (body, { values: [a, b] }) => {
    const isZero = body.compare('EQ', b, body.like(b, 0));
    const divisor = body.select(isZero, body.like(b, 1), b);
    return body.select(isZero, ofZero(body, a), body.same(op, [a, divisor]));
  };

const GREATEST = 2147483647;
const LEAST = -2147483648;

/** Truncates and saturates; NaN gives 0. What `convert` gives outside of i32 is not defined, and not taken. */
const toI32: ScalarRule = (body, { values: [x] }) => {
  const { shape } = x.type;
  const integer = (value: number) => body.constant(value, 'i32', shape);
  const inside = body.select(
    body.compare('LT', x, body.like(x, LEAST)),
    integer(LEAST),
    body.convert(x, 'i32'),
  );
  const below = body.select(
    body.compare('GT', x, body.like(x, GREATEST)),
    integer(GREATEST),
    inside,
  );
  return body.select(body.compare('NE', x, x), integer(0), below);
};

const softplus: ScalarRule = (body, { values: [x] }) => {
  const small = body.same('exponential', [body.same('negate', [body.same('abs', [x])])]);
  return body.same('add', [
    body.same('maximum', [x, body.like(x, 0)]),
    body.same('log_plus_one', [small]),
  ]);
};

/** How each elementwise op is said. */
export const SCALARS: Readonly<Record<ScalarOp, ScalarRule>> = {
  neg: plain('negate'),
  abs: plain('abs'),
  sign: plain('sign'),
  exp: plain('exponential'),
  expm1: plain('exponential_minus_one'),
  log: plain('log'),
  log1p: plain('log_plus_one'),
  sqrt: plain('sqrt'),
  tanh: plain('tanh'),
  sigmoid: plain('logistic'),
  softplus,
  erf: (body, { values: [x] }) => body.call(erfHelper(x.type), [x]),
  erfc: (body, { values: [x] }) => body.call(erfcHelper(x.type), [x]),
  sin: plain('sine'),
  cos: plain('cosine'),
  floor: plain('floor'),
  roundF16: (body, { values: [x] }) => body.convert(body.convert(x, 'f16'), 'f32'),
  isNan: (body, { values: [x] }) => body.compare('NE', x, x),
  add: plain('add'),
  sub: plain('subtract'),
  mul: plain('multiply'),
  div: byElement(
    plain('divide'),
    guarded('divide', (_, dividend) => dividend),
  ),
  pow: plain('power'),
  max: plain('maximum'),
  min: plain('minimum'),
  mod: byElement(
    plain('remainder'),
    guarded('remainder', (body, dividend) => body.like(dividend, 0)),
  ),
  eq: comparing('EQ'),
  ne: comparing('NE'),
  lt: comparing('LT'),
  le: comparing('LE'),
  gt: comparing('GT'),
  ge: comparing('GE'),
  and: logical('and'),
  or: logical('or'),
  not: logical('not'),
  select: (body, { values: [, a, b], predicate }) => body.select(predicate(0), a, b),
  toF32: byElement(
    (_, { values: [x] }) => x,
    (body, { values: [x] }) => body.convert(x, 'f32'),
  ),
  toI32: byElement(toI32, (_, { values: [x] }) => x),
};
