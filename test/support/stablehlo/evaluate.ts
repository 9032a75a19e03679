import { convolve, dotGeneral, gather, reduceWindow, scatter } from './evaluate-joined.ts';
import { integer, integers } from './fields.ts';
import type { Block, Operation, ParsedModule, TensorType } from './syntax.ts';
import { at, type Evaluated, fill, indices, stridesOf } from './tensors.ts';

// By op: what the specification says that it computes, in float64. Floats are not rounded to their type but where bits are asked for.

export type Combine = (a: number, b: number) => number;
type Rule = (site: {
  readonly operation: Operation;
  readonly operands: readonly Evaluated[];
  readonly type: TensorType;
  readonly combine: () => Combine;
}) => ArrayLike<number>;

const WIDTHS: Readonly<Record<string, number>> = {
  i1: 1,
  i8: 8,
  i16: 16,
  i32: 32,
  ui8: 8,
  ui16: 16,
  ui32: 32,
};

/** An integer in the range of its type; of i64 what a float64 holds. */
function wrapped(value: number, element: string): number {
  const width = WIDTHS[element];
  if (width === undefined) return value;
  if (width === 32) return element === 'ui32' ? value >>> 0 : value | 0;
  const count = 2 ** width;
  const modulo = ((value % count) + count) % count;
  return element.startsWith('i') && width > 1 && modulo >= count / 2 ? modulo - count : modulo;
}

const isFloat = (element: string) => element.includes('f');

const unary =
  (compute: (x: number) => number): Rule =>
  ({ operands: [x], type }) =>
    Float64Array.from(x.data, (one) =>
      isFloat(type.element) ? compute(one) : wrapped(compute(one), type.element),
    );

const binary =
  (compute: Combine, ofIntegers: Combine = compute): Rule =>
  ({ operands: [a, b], type: { element } }) => {
    const made = new Float64Array(a.data.length);
    if (isFloat(element))
      for (let i = 0; i < made.length; i++) made[i] = compute(a.data[i], b.data[i]);
    else
      for (let i = 0; i < made.length; i++)
        made[i] = wrapped(ofIntegers(a.data[i], b.data[i]), element);
    return made;
  };

const power: Combine = (a, b) =>
  a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) ? 1 : a ** b;

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  EQ: (a, b) => a === b,
  NE: (a, b) => a !== b,
  LT: (a, b) => a < b,
  LE: (a, b) => a <= b,
  GT: (a, b) => a > b,
  GE: (a, b) => a >= b,
};

/** What of a float that has no integer of the type: the specification leaves it open, so a number that nobody wants. */
const UNDEFINED = 0x5a5a5a5a;

const convert: Rule = ({ operands: [x], type: { element } }) =>
  Float64Array.from(x.data, (one) => {
    if (element === 'i1') return one !== 0 ? 1 : 0;
    if (element === 'f16') return roundToHalf(one);
    if (isFloat(element)) return one;
    if (!isFloat(x.type.element)) return wrapped(one, element);
    const whole = Math.trunc(one);
    return wrapped(whole, element) === whole ? whole : UNDEFINED;
  });

/** The nearest of the numbers with five bits of exponent and ten of fraction. */
function roundToHalf(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(value))));
  const unit = 2 ** (exponent - 10);
  const scaled = Math.abs(value) / unit;
  const below = Math.floor(scaled);
  const rest = scaled - below;
  const units = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
  const rounded = units * unit;
  return Math.sign(value) * (rounded > 65504 ? Number.POSITIVE_INFINITY : rounded);
}

const bitcast: Rule = ({ operands: [x], type: { element } }) => {
  const arrays: Readonly<
    Record<string, new (of: ArrayBuffer | number) => ArrayLike<number> & { buffer: ArrayBuffer }>
  > = {
    f32: Float32Array as never,
    i32: Int32Array as never,
    ui32: Uint32Array as never,
  };
  const from = new arrays[x.type.element](x.data.length) as unknown as {
    buffer: ArrayBuffer;
    set(of: ArrayLike<number>): void;
  };
  from.set(x.data);
  return Float64Array.from(new arrays[element](from.buffer));
};

const sign = (x: number) => (Number.isNaN(x) ? x : Math.sign(x));

export const EVALUATE: Readonly<Record<string, Rule>> = {
  abs: unary(Math.abs),
  negate: unary((x) => -x),
  sign: unary(sign),
  floor: unary(Math.floor),
  ceil: unary(Math.ceil),
  exponential: unary(Math.exp),
  exponential_minus_one: unary(Math.expm1),
  log: unary(Math.log),
  log_plus_one: unary(Math.log1p),
  logistic: unary((x) => 1 / (1 + Math.exp(-x))),
  sqrt: unary(Math.sqrt),
  tanh: unary(Math.tanh),
  sine: unary(Math.sin),
  cosine: unary(Math.cos),
  is_finite: unary((x) => (Number.isFinite(x) ? 1 : 0)),
  not: ({ operands: [x], type: { element } }) =>
    Float64Array.from(x.data, (one) => (element === 'i1' ? 1 - one : wrapped(~one, element))),
  add: binary((a, b) => a + b),
  subtract: binary((a, b) => a - b),
  multiply: binary((a, b) => a * b, Math.imul),
  divide: binary(
    (a, b) => a / b,
    (a, b) => (b === 0 ? UNDEFINED : Math.trunc(a / b)),
  ),
  remainder: binary(
    (a, b) => a % b,
    (a, b) => (b === 0 ? UNDEFINED : a % b),
  ),
  power: binary(power),
  maximum: binary(Math.max),
  minimum: binary(Math.min),
  and: binary((a, b) => a & b),
  or: binary((a, b) => a | b),
  xor: binary((a, b) => a ^ b),
  shift_left: binary((a, b) => (b >= 32 ? 0 : a << b)),
  shift_right_logical: binary((a, b) => (b >= 32 ? 0 : a >>> b)),
  shift_right_arithmetic: binary((a, b) => a >> Math.min(b, 31)),
  compare: ({ operands: [a, b], operation: { attributes } }) => {
    const holds = COMPARISONS[String(attributes.comparison_direction)];
    return Float64Array.from(a.data, (one, i) => (holds(one, b.data[i]) ? 1 : 0));
  },
  select: ({ operands: [condition, a, b] }) => {
    const isOne = condition.type.shape.length === 0;
    return Float64Array.from(a.data, (one, i) => (condition.data[isOne ? 0 : i] ? one : b.data[i]));
  },
  constant: ({ operation: { attributes } }) => {
    const { value } = attributes;
    return typeof value === 'object' && 'dense' in value ? value.dense.elements : [];
  },
  iota: ({ operation: { attributes }, type }) => {
    const axis = integer(attributes, 'iota_dimension');
    return fill(type.shape, (place) => place[axis]);
  },
  convert,
  bitcast_convert: bitcast,
  reshape: ({ operands: [x] }) => x.data,
  transpose: ({ operation: { attributes }, operands: [x], type }) => {
    const permutation = integers(attributes, 'permutation');
    const strides = stridesOf(x.type.shape);
    const moved = permutation.map((axis) => strides[axis]);
    return fill(type.shape, (place) => x.data[at(place, moved)]);
  },
  reverse: ({ operation: { attributes }, operands: [x], type }) => {
    const turned = integers(attributes, 'dimensions');
    const strides = stridesOf(type.shape);
    return fill(
      type.shape,
      (place) =>
        x.data[
          at(
            place.map((one, k) => (turned.includes(k) ? type.shape[k] - 1 - one : one)),
            strides,
          )
        ],
    );
  },
  broadcast_in_dim: ({ operation: { attributes }, operands: [x], type }) => {
    const dimensions = integers(attributes, 'broadcast_dimensions');
    const own = stridesOf(x.type.shape);
    const strides = new Array<number>(type.shape.length).fill(0);
    dimensions.forEach((dimension, k) => {
      if (x.type.shape[k] > 1) strides[dimension] = own[k];
    });
    return fill(type.shape, (place) => x.data[at(place, strides)]);
  },
  concatenate: ({ operation: { attributes }, operands, type }) => {
    const dimension = integer(attributes, 'dimension');
    const strides = operands.map((one) => stridesOf(one.type.shape));
    return fill(type.shape, (place) => {
      let part = 0;
      let index = place[dimension];
      while (index >= operands[part].type.shape[dimension])
        index -= operands[part++].type.shape[dimension];
      return operands[part].data[at(place.with(dimension, index), strides[part])];
    });
  },
  slice: ({ operation: { attributes }, operands: [x], type }) => {
    const starts = integers(attributes, 'start_indices');
    const steps = integers(attributes, 'strides');
    const strides = stridesOf(x.type.shape);
    return fill(
      type.shape,
      (place) =>
        x.data[
          at(
            place.map((one, k) => starts[k] + one * steps[k]),
            strides,
          )
        ],
    );
  },
  pad: ({ operation: { attributes }, operands: [x, value], type }) => {
    const low = integers(attributes, 'edge_padding_low');
    const interior = integers(attributes, 'interior_padding');
    const strides = stridesOf(type.shape);
    const made = fill(type.shape, () => value.data[0]);
    let i = 0;
    for (const place of indices(x.type.shape)) {
      const to = place.map((one, k) => low[k] + one * (interior[k] + 1));
      if (to.every((one, k) => one >= 0 && one < type.shape[k])) made[at(to, strides)] = x.data[i];
      i++;
    }
    return made;
  },
  reduce: ({ operation: { attributes }, operands: [x, initial], type, combine }) => {
    const dimensions = integers(attributes, 'dimensions');
    const join = combine();
    const own = stridesOf(type.shape);
    let kept = 0;
    const strides = x.type.shape.map((_, k) => (dimensions.includes(k) ? 0 : own[kept++]));
    const made = fill(type.shape, () => initial.data[0]);
    let i = 0;
    for (const place of indices(x.type.shape)) {
      const to = at(place, strides);
      made[to] = join(made[to], x.data[i++]);
    }
    return made;
  },
  reduce_window: ({ operation, operands: [x, initial], type, combine }) =>
    reduceWindow(operation, x, initial, type, combine()),
  dot_general: ({ operation, operands: [a, b], type }) => dotGeneral(operation, a, b, type),
  convolution: ({ operation, operands: [a, b], type }) => convolve(operation, a, b, type),
  gather: ({ operation, operands: [table, start], type }) => gather(operation, table, start, type),
  scatter: ({ operation, operands: [input, start, updates], combine }) =>
    scatter(operation, input, start, updates, combine()),
};

/** Ops of other dialects, for files that have some. */
export type OtherEvaluate = Readonly<
  Record<string, (operation: Operation, operands: readonly Evaluated[]) => void>
>;

/**
 * Runs a function of a module.
 *
 * @param given data of the arguments, in their order
 */
export function run(
  module: ParsedModule,
  name: string,
  given: readonly ArrayLike<number>[],
  others: OtherEvaluate = {},
): Evaluated[] {
  const { parameters, body } = module.functions.get(name)!;
  const values = parameters.map(({ type }, k): Evaluated => ({ type, data: given[k] }));
  return runBlock(module, body, values, new Map(), others);
}

function runBlock(
  module: ParsedModule,
  { parameters, operations }: Block,
  given: readonly Evaluated[],
  outer: ReadonlyMap<string, Evaluated>,
  others: OtherEvaluate,
): Evaluated[] {
  const scope = new Map(outer);
  parameters.forEach(({ name }, k) => {
    scope.set(name, given[k]);
  });
  for (const operation of operations) {
    const operands = operation.operands.map((operand) => scope.get(operand)!);
    if (operation.name === 'return') return operands;
    if (operation.name === 'call') {
      const made = run(
        module,
        operation.callee!,
        operands.map(({ data }) => data),
        others,
      );
      operation.results.forEach((result, k) => {
        scope.set(result, made[k]);
      });
      continue;
    }
    if (others[operation.name]) {
      others[operation.name](operation, operands);
      continue;
    }
    const [type] = operation.resultTypes;
    const combine = () => combiner(module, operation.regions[0], scope, others);
    const data = EVALUATE[operation.name]({ operation, operands, type, combine });
    scope.set(operation.results[0], { type, data });
  }
  return [];
}

const SIMPLE: Readonly<Record<string, Combine>> = {
  add: (a, b) => a + b,
  maximum: Math.max,
  minimum: Math.min,
};

/** What the body of a reduction computes of two elements. */
function combiner(
  module: ParsedModule,
  body: Block,
  scope: ReadonlyMap<string, Evaluated>,
  others: OtherEvaluate,
): Combine {
  const [{ type, name: left }, { name: right }] = body.parameters;
  const [only, last] = body.operations;
  const isSimple =
    body.operations.length === 2 &&
    only.operands.join() === `${left},${right}` &&
    last.operands[0] === only.results[0];
  if (isSimple && SIMPLE[only.name])
    return isFloat(type.element)
      ? SIMPLE[only.name]
      : (a, b) => wrapped(SIMPLE[only.name](a, b), type.element);
  return (a, b) => {
    const operands = [a, b].map((one): Evaluated => ({ type, data: [one] }));
    return runBlock(module, body, operands, scope, others)[0].data[0];
  };
}
