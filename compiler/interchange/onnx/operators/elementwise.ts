import type { Tensor, TensorLike } from '../../../frontend/tensor.ts';
import { BOOL, bounds, type ElementType, elementType, isNarrow } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import type { Language } from '../recorder.ts';
import { type Computed, computed } from '../values.ts';
import { align, like, rawOf } from './layout.ts';
import { type OperatorRow, type OperatorTable, row } from './row.ts';

type Unary = (f: Language, x: Tensor, n: OnnxNode) => Tensor;
type Binary = (f: Language, a: Tensor, b: TensorLike, n: OnnxNode) => Tensor;

export const unary = (make: Unary): OperatorRow =>
  row((n) => like(n, 0, make(n.f, rawOf(n, 0), n)));

/** Of floats only: what the language has no integers of. */
const ofFloats = (make: Unary): OperatorRow => unary((f, x, n) => make(f, float(n, x), n));

const float = (n: OnnxNode, x: Tensor): Tensor => n.f.cast(x, 'f32');

/** Integers of fewer than 32 bits come around, as they do in C. */
export function wrapped(n: OnnxNode, x: Tensor, type: ElementType): Tensor {
  if (type.kind === 'float' || type.kind === 'bool' || !isNarrow(type) || type.bits === 32)
    return x;
  const { f } = n;
  const span = 2 ** type.bits;
  const [low] = bounds(type);
  const shifted = low === 0 ? x : f.sub(x, low);
  const inside = f.mod(f.add(f.mod(shifted, span), span), span);
  return low === 0 ? inside : f.add(inside, low);
}

const binary = (make: Binary, type?: ElementType): OperatorRow =>
  row((n) => {
    const own = type ?? n.type(0);
    // Before version 7 the second operand says at which axis of the first it begins.
    if (n.opset < 7 && n.attributes.int('broadcast', 0) !== 0 && n.attributes.has('axis'))
      return computed(own, make(n.f, n.tensor(0), fromAxis(n), n));
    const { operands, order } = align(n, [0, 1]);
    const raw = make(n.f, operands[0] as Tensor, operands[1], n);
    return { kind: 'tensor', type: own, raw, order, known: null };
  });

function fromAxis(n: OnnxNode): Tensor {
  const [rank, x] = [n.shape(0).length, n.tensor(1)];
  const behind = rank - n.axis(n.attributes.int('axis', 0), rank) - x.rank;
  if (behind < 0)
    return n.refuse(`its second operand does not fit at axis ${n.attributes.int('axis', 0)}`);
  return n.f.reshape(x, [...x.shape, ...new Array<number>(behind).fill(1)]);
}

const arithmetic = (make: Binary): OperatorRow =>
  binary((f, a, b, n) => wrapped(n, make(f, a, b, n), n.type(0)));

/** Any number of operands, two by two. */
const foldedOf =
  (make: Binary, after: (n: OnnxNode, x: Tensor) => Tensor = (_, x) => x) =>
  (n: OnnxNode) => {
    const { operands, order } = align(
      n,
      n.inputs.map((_, k) => k),
    );
    const [first, ...rest] = operands as readonly Tensor[];
    const raw = after(
      n,
      rest.reduce((a, b) => make(n.f, a, b, n), first),
    );
    return { kind: 'tensor', type: n.type(0), raw, order, known: null } satisfies Computed;
  };
const folded = (...by: Parameters<typeof foldedOf>) => row(foldedOf(...by));

const MAXIMUM = foldedOf((f, a, b) => f.maximum(a, b));

/** The larger of a tensor of floats and zero, which is what `relu` is; null where it is something else. */
function rectified(n: OnnxNode) {
  if (n.inputs.length !== 2) return null;
  const zero = [0, 1].find((k) => {
    const known = n.known(k);
    return known?.values.length === 1 && known.values[0] === 0;
  });
  if (zero === undefined) return null;
  const other = 1 - zero;
  const isKept = n.shape(zero).length <= n.shape(other).length;
  if (!isKept || n.known(other) || n.type(other).kind !== 'float') return null;
  return like(n, other, n.f.relu(rawOf(n, other)), n.type(other));
}

/** To the nearest, ties to even. */
function rounded(f: Language, x: Tensor): Tensor {
  const floor = f.floor(x);
  const rest = f.sub(x, floor);
  const isOdd = f.notEqual(f.sub(floor, f.mul(f.floor(f.mul(floor, 0.5)), 2)), 0);
  const isUp = f.logicalOr(f.greater(rest, 0.5), f.logicalAnd(f.equal(rest, 0.5), isOdd));
  return f.select(isUp, f.add(floor, 1), floor);
}

export const roundHalfToEven = rounded;

/** Cephes' atanf: an odd polynomial after two reductions. */
function atan(f: Language, x: Tensor): Tensor {
  const size = f.abs(x);
  const isLarge = f.greater(size, 2.414213562373095);
  const isMiddle = f.greater(size, 0.4142135623730951);
  const large = f.div(-1, f.select(isLarge, size, 1));
  const middle = f.div(f.sub(size, 1), f.add(size, 1));
  const y = f.select(isLarge, large, f.select(isMiddle, middle, size));
  const start = f.select(isLarge, Math.PI / 2, f.select(isMiddle, f.full(x.shape, Math.PI / 4), 0));
  const z = f.mul(y, y);
  const polynomial = [1.99777106478e-1, -3.33329491539e-1].reduce(
    (sum, coefficient) => f.add(f.mul(sum, z), coefficient),
    f.add(f.mul(z, 8.05374449538e-2), -1.38776856032e-1),
  );
  return f.mul(f.sign(x), f.add(start, f.add(f.mul(f.mul(polynomial, z), y), y)));
}

const asin = (f: Language, x: Tensor): Tensor =>
  f.mul(atan(f, f.div(x, f.add(f.sqrt(f.mul(f.sub(1, x), f.add(x, 1))), 1))), 2);

function sinh(f: Language, x: Tensor): Tensor {
  const e = f.expm1(f.abs(x));
  // (e^x - e^-x) / 2 by expm1, which keeps the digits of small x.
  const half = f.mul(f.add(e, f.div(e, f.add(e, 1))), 0.5);
  return f.mul(f.sign(x), half);
}

function asinh(f: Language, x: Tensor): Tensor {
  const size = f.abs(x);
  const root = f.sqrt(f.add(f.mul(size, size), 1));
  const tail = f.div(f.mul(size, size), f.add(root, 1));
  return f.mul(f.sign(x), f.log1p(f.add(size, tail)));
}

function power(f: Language, a: Tensor, b: TensorLike, n: OnnxNode): Tensor {
  const type = n.type(0);
  const exponent = typeof b === 'number' ? b : f.cast(b, 'f32');
  if (exponent === 2) return f.mul(a, a);
  if (type.kind === 'float' && exponent === 0.5) return f.sqrt(a);
  const raised = f.pow(f.cast(a, 'f32'), exponent);
  // Of integers the root is one, and what comes near to it is meant.
  return type.kind === 'float' ? raised : f.cast(rounded(f, raised), 'i32');
}

/** With the sign of the divisor, as Python and numpy do it. */
function floorMod(f: Language, a: Tensor, b: TensorLike): Tensor {
  const rest = f.mod(a, b);
  const differs = f.notEqual(f.less(rest, 0), typeof b === 'number' ? Number(b < 0) : f.less(b, 0));
  return f.select(f.logicalAnd(f.notEqual(rest, 0), differs), f.add(rest, b), rest);
}

function shift(f: Language, a: Tensor, b: TensorLike, n: OnnxNode): Tensor {
  const direction = n.attributes.text('direction', '');
  const amount = typeof b === 'number' ? f.full([], b, 'i32') : b;
  const by = f.cast(rounded(f, f.pow(2, f.cast(amount, 'f32'))), 'i32');
  if (direction === 'RIGHT') return f.div(a, by);
  if (direction === 'LEFT') return f.mul(a, by);
  return n.refuse(`its direction is '${direction}'`, 'LEFT and RIGHT are');
}

/** Elements by the type that they are cast to. */
export function castTo(n: OnnxNode, x: Tensor, from: ElementType, to: ElementType): Tensor {
  const { f } = n;
  if (to.kind === 'bool') return from.kind === 'bool' ? x : f.notEqual(x, 0);
  const cast = f.cast(x, to.dtype);
  const [low, high] = bounds(to);
  const [least, most] = bounds(from);
  const fits = from.kind !== 'float' && least >= low && most <= high;
  return to.kind === 'float' || fits ? cast : wrapped(n, cast, to);
}

const cast = (target: (n: OnnxNode) => ElementType | string) =>
  row((n) => {
    const to = target(n);
    if (typeof to === 'string') return n.refuse(`it casts to ${to}`, 'cast to a number');
    return like(n, 0, castTo(n, rawOf(n, 0), n.type(0), to), to);
  }, 'numbers and bool');

const comparison = (make: Binary): OperatorRow => binary(make, BOOL);
const bool = (f: Language, x: Tensor): Tensor => f.notEqual(x, 0);

export const ELEMENTWISE: OperatorTable = {
  Abs: unary((f, x) => f.abs(x)),
  Acos: ofFloats((f, x) => f.mul(atan(f, f.sqrt(f.div(f.sub(1, x), f.add(x, 1)))), 2)),
  Acosh: ofFloats((f, x) => f.log1p(f.add(f.sub(x, 1), f.sqrt(f.mul(f.sub(x, 1), f.add(x, 1)))))),
  Add: arithmetic((f, a, b) => f.add(a, b)),
  And: comparison((f, a, b) => f.logicalAnd(a, asTensor(f, b))),
  Asin: ofFloats(asin),
  Asinh: ofFloats(asinh),
  Atan: ofFloats(atan),
  Atanh: ofFloats((f, x) => f.mul(f.sub(f.log1p(x), f.log1p(f.neg(x))), 0.5)),
  BitShift: arithmetic(shift),
  Cast: cast((n) => elementType(n.attributes.int('to', 0))),
  CastLike: cast((n) => n.type(1)),
  Ceil: ofFloats((f, x) => f.neg(f.floor(f.neg(x)))),
  Cos: ofFloats((f, x) => f.cos(x)),
  Cosh: ofFloats((f, x) => {
    const e = f.exp(f.abs(x));
    return f.mul(f.add(e, f.div(1, e)), 0.5);
  }),
  Div: arithmetic((f, a, b) => f.div(a, b)),
  Equal: comparison((f, a, b) => f.equal(a, b)),
  Erf: ofFloats((f, x) => f.erf(x)),
  Exp: ofFloats((f, x) => f.exp(x)),
  Floor: ofFloats((f, x) => f.floor(x)),
  Greater: comparison((f, a, b) => f.greater(a, b)),
  GreaterOrEqual: comparison((f, a, b) => f.greaterEqual(a, b)),
  Identity: row((n) => n.inputs[0]),
  IsInf: row((n) => {
    const { f, attributes } = n;
    const x = rawOf(n, 0);
    const above = attributes.int('detect_positive', 1) ? f.equal(x, Infinity) : null;
    const below = attributes.int('detect_negative', 1) ? f.equal(x, -Infinity) : null;
    const hit =
      above && below ? f.logicalOr(above, below) : (above ?? below ?? f.full(x.shape, 0, 'i32'));
    return like(n, 0, hit, BOOL);
  }),
  IsNaN: row((n) => like(n, 0, n.f.isNan(rawOf(n, 0)), BOOL)),
  Less: comparison((f, a, b) => f.less(a, b)),
  LessOrEqual: comparison((f, a, b) => f.lessEqual(a, b)),
  Log: ofFloats((f, x) => f.log(x)),
  Max: row((n) => rectified(n) ?? MAXIMUM(n)),
  Mean: folded(
    (f, a, b) => f.add(a, b),
    (n, x) => n.f.mul(x, 1 / n.inputs.length),
  ),
  Min: folded((f, a, b) => f.minimum(a, b)),
  Mod: arithmetic((f, a, b, n) => (n.attributes.int('fmod', 0) ? f.mod(a, b) : floorMod(f, a, b))),
  Mul: arithmetic((f, a, b) => f.mul(a, b)),
  Neg: unary((f, x, n) => wrapped(n, f.neg(x), n.type(0))),
  Not: row((n) => like(n, 0, n.f.logicalNot(rawOf(n, 0)), BOOL)),
  Or: comparison((f, a, b) => f.logicalOr(a, asTensor(f, b))),
  Pow: binary(power),
  Reciprocal: ofFloats((f, x) => f.reciprocal(x)),
  Round: ofFloats(rounded),
  Sign: unary((f, x) => f.sign(x)),
  Sin: ofFloats((f, x) => f.sin(x)),
  Sinh: ofFloats(sinh),
  Sqrt: ofFloats((f, x) => f.sqrt(x)),
  Sub: arithmetic((f, a, b) => f.sub(a, b)),
  Sum: folded((f, a, b) => f.add(a, b)),
  Tan: ofFloats((f, x) => f.div(f.sin(x), f.cos(x))),
  Tanh: ofFloats((f, x) => f.tanh(x)),
  Where: row((n) => {
    const { operands, order } = align(n, [0, 1, 2]);
    const [condition, a, b] = operands;
    const raw = n.f.select(asTensor(n.f, condition), a, asOne(n, a, b));
    return { kind: 'tensor', type: n.type(1), raw, order, known: null };
  }),
  Xor: comparison((f, a, b) => f.notEqual(bool(f, a), bool(f, asTensor(f, b)))),
};

const asTensor = (f: Language, x: TensorLike): Tensor =>
  typeof x === 'number' ? f.full([], x, 'i32') : x;

/** A select of two numbers has to be told their type. */
function asOne(n: OnnxNode, a: TensorLike, b: TensorLike): TensorLike {
  return typeof a === 'number' && typeof b === 'number' ? n.f.full([], b, n.type(2).dtype) : b;
}
