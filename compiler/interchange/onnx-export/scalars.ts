import type { ScalarOp } from '../../../ir/scalar.ts';
import type { Builder, Element, Stored } from './builder.ts';

/** The operands of an elementwise op, in one order of axes; extents of 1 go with any. */
export interface Operands {
  readonly builder: Builder;
  readonly values: readonly Stored[];
  /** Operand k as truth values. */
  readonly predicate: (k: number) => Stored;
}

/** Writes an elementwise op. What gives truth values is bool; who reads them as numbers converts. */
export type ScalarRule = (operands: Operands) => Stored;

/** The shape of what ops make of operands whose extents agree or are 1. */
export function joined(values: readonly Stored[]): number[] {
  const [first] = values;
  return first.shape.map((_, axis) => Math.max(...values.map(({ shape }) => shape[axis])));
}

/** Appends an elementwise op of ONNX. */
export function elementwise(
  builder: Builder,
  op: string,
  values: readonly Stored[],
  element: Element = values[0].element,
  attributes: Readonly<Record<string, number>> = {},
): Stored {
  return builder.node(op, values, { element, shape: joined(values) }, attributes);
}

/** One number, of the type and rank of another value. */
export function like(builder: Builder, { element, shape }: Stored, value: number): Stored {
  return builder.constant(
    element,
    shape.map(() => 1),
    [value],
  );
}

const plainly =
  (op: string, attributes: Readonly<Record<string, number>> = {}): ScalarRule =>
  ({ builder, values }) =>
    elementwise(builder, op, values, values[0].element, attributes);

const comparing =
  (op: string): ScalarRule =>
  ({ builder, values }) =>
    elementwise(builder, op, values, 'bool');

const logical =
  (op: string): ScalarRule =>
  ({ builder, values, predicate }) =>
    elementwise(
      builder,
      op,
      values.map((_, k) => predicate(k)),
      'bool',
    );

const byElement =
  (float: ScalarRule, integer: ScalarRule): ScalarRule =>
  (operands) =>
    operands.values[0].element === 'int32' ? integer(operands) : float(operands);

/** `Where`, which takes its type from the second operand. */
export const where = (builder: Builder, condition: Stored, a: Stored, b: Stored): Stored =>
  builder.node('Where', [condition, a, b], {
    element: a.element,
    shape: joined([condition, a, b]),
  });

/** Division of integers by zero is defined in btc alone. */
const guarded =
  (
    op: string,
    ofZero: (builder: Builder, dividend: Stored) => Stored,
    attributes = {},
  ): ScalarRule =>
  ({ builder, values: [a, b] }) => {
    const isZero = elementwise(builder, 'Equal', [b, like(builder, b, 0)], 'bool');
    const divisor = where(builder, isZero, like(builder, b, 1), b);
    const made = elementwise(builder, op, [a, divisor], a.element, attributes);
    return where(builder, isZero, ofZero(builder, a), made);
  };

/** exp(x) - 1 as tanh(x / 2)·(exp(x) + 1), which keeps its precision near 0. */
const expm1: ScalarRule = ({ builder, values: [x] }) => {
  const half = elementwise(builder, 'Mul', [x, like(builder, x, 0.5)]);
  const sum = elementwise(builder, 'Add', [elementwise(builder, 'Exp', [x]), like(builder, x, 1)]);
  return elementwise(builder, 'Mul', [elementwise(builder, 'Tanh', [half]), sum]);
};

/** log(1 + x) as log(u)·x / (u - 1) for u = 1 + x, which keeps its precision near 0 (Kahan). */
const log1p: ScalarRule = ({ builder, values: [x] }) => {
  const one = like(builder, x, 1);
  const u = elementwise(builder, 'Add', [x, one]);
  const log = elementwise(builder, 'Log', [u]);
  const isOne = elementwise(builder, 'Equal', [u, one], 'bool');
  const rest = where(builder, isOne, one, elementwise(builder, 'Sub', [u, one]));
  const near = elementwise(builder, 'Mul', [log, elementwise(builder, 'Div', [x, rest])]);
  const isFar = elementwise(builder, 'Greater', [x, one], 'bool');
  return where(builder, isFar, log, where(builder, isOne, x, near));
};

const GREATEST = 2147483647;
const LEAST = -2147483648;

/** Truncates and saturates; NaN gives 0. */
const toI32: ScalarRule = ({ builder, values: [x] }) => {
  const integer = (value: number) =>
    builder.constant(
      'int32',
      x.shape.map(() => 1),
      [value],
    );
  const isNan = elementwise(builder, 'IsNaN', [x], 'bool');
  const isBelow = elementwise(builder, 'LessOrEqual', [x, like(builder, x, LEAST)], 'bool');
  const isAbove = elementwise(builder, 'GreaterOrEqual', [x, like(builder, x, GREATEST)], 'bool');
  const outside = elementwise(
    builder,
    'Or',
    [isNan, elementwise(builder, 'Or', [isBelow, isAbove], 'bool')],
    'bool',
  );
  const safe = where(builder, outside, like(builder, x, 0), x);
  const inside = builder.node('Cast', [safe], { element: 'int32', shape: safe.shape }, { to: 6 });
  return where(
    builder,
    isBelow,
    integer(LEAST),
    where(builder, isAbove, integer(GREATEST), inside),
  );
};

const cast = (builder: Builder, x: Stored, element: Element, to: number): Stored =>
  builder.node('Cast', [x], { element, shape: x.shape }, { to });

/** How each elementwise op is said. */
export const SCALARS: Readonly<Record<ScalarOp, ScalarRule>> = {
  neg: plainly('Neg'),
  abs: plainly('Abs'),
  sign: plainly('Sign'),
  exp: plainly('Exp'),
  expm1,
  log: plainly('Log'),
  log1p,
  sqrt: plainly('Sqrt'),
  tanh: plainly('Tanh'),
  sigmoid: plainly('Sigmoid'),
  softplus: plainly('Softplus'),
  erf: plainly('Erf'),
  erfc: ({ builder, values: [x] }) =>
    elementwise(builder, 'Sub', [like(builder, x, 1), elementwise(builder, 'Erf', [x])]),
  sin: plainly('Sin'),
  cos: plainly('Cos'),
  floor: plainly('Floor'),
  roundF16: ({ builder, values: [x] }) =>
    cast(builder, cast(builder, x, 'float16', 10), 'float', 1),
  isNan: comparing('IsNaN'),
  add: plainly('Add'),
  sub: plainly('Sub'),
  mul: plainly('Mul'),
  div: byElement(
    plainly('Div'),
    guarded('Div', (_, dividend) => dividend),
  ),
  pow: plainly('Pow'),
  max: plainly('Max'),
  min: plainly('Min'),
  mod: byElement(
    plainly('Mod', { fmod: 1 }),
    guarded('Mod', (builder, dividend) => like(builder, dividend, 0), { fmod: 1 }),
  ),
  eq: comparing('Equal'),
  ne: ({ builder, values }) =>
    elementwise(builder, 'Not', [elementwise(builder, 'Equal', values, 'bool')], 'bool'),
  lt: comparing('Less'),
  le: comparing('LessOrEqual'),
  gt: comparing('Greater'),
  ge: comparing('GreaterOrEqual'),
  and: logical('And'),
  or: logical('Or'),
  not: logical('Not'),
  select: ({ builder, values: [, a, b], predicate }) => where(builder, predicate(0), a, b),
  toF32: byElement(
    ({ values: [x] }) => x,
    ({ builder, values: [x] }) => cast(builder, x, 'float', 1),
  ),
  toI32: byElement(toI32, ({ values: [x] }) => x),
};
