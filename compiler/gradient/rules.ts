import { formatEquation, letterExtents, parseEquation } from '../../ir/einsum.ts';
import type { Node, NodeOf, ValueId } from '../../ir/graph.ts';
import type { OpName, StructuralOp } from '../../ir/ops.ts';
import type { ScalarOp } from '../../ir/scalar.ts';
import type { Emit } from './emit.ts';

/** What a rule knows: the forward node, its value, and the gradient of the loss with respect to it. */
export interface Application {
  readonly node: Node;
  readonly value: ValueId;
  readonly gradient: ValueId;
  readonly emit: Emit;
  /** Whether the gradient of operand k is wanted at all. */
  readonly wanted: (k: number) => boolean;
}

/** The gradient of each operand; null where there is none. */
export type Rule = (application: Application) => readonly (ValueId | null)[];

const NONE: Rule = ({ node }) => node.operands.map(() => null);

/** A rule for an op of one operand, from (gradient, operand, result). */
const unary =
  (rule: (emit: Emit, g: ValueId, x: ValueId, y: ValueId) => ValueId): Rule =>
  ({ node, value, gradient, emit }) => [rule(emit, gradient, node.operands[0], value)];

/** A rule for an op of two operands; each side is computed only when it is wanted. */
const binary =
  (
    left: (emit: Emit, g: ValueId, a: ValueId, b: ValueId, y: ValueId) => ValueId,
    right: (emit: Emit, g: ValueId, a: ValueId, b: ValueId, y: ValueId) => ValueId,
  ): Rule =>
  ({
    node: {
      operands: [a, b],
    },
    value,
    gradient,
    emit,
    wanted,
  }) => [
    wanted(0) ? left(emit, gradient, a, b, value) : null,
    wanted(1) ? right(emit, gradient, a, b, value) : null,
  ];

/** A rule for an op of one operand, by its slope from (operand, result). */
const slope = (of: (emit: Emit, x: ValueId, y: ValueId) => ValueId): Rule =>
  unary((emit, g, x, y) => emit.times(g, of(emit, x, y)));

/**
 * The larger (or smaller) operand takes the gradient; equal operands share it, as in PyTorch and JAX. Against a constant the
 * mask comes from the result, which is kept anyway, and a tie gives nothing: `max(x, 0)` is relu with gradient 0 at 0. What is
 * no number passes the gradient on, as in PyTorch, so that it is seen.
 */
const extremum = (loses: 'lt' | 'gt', orTies: 'le' | 'ge'): Rule => {
  const side = (emit: Emit, g: ValueId, own: ValueId, other: ValueId, y: ValueId) => {
    const zero = emit.constantLike(g, 0);
    if (emit.isConstant(other)) return emit.apply('select', emit.apply(orTies, y, other), zero, g);
    const shared = emit.apply('select', emit.apply('eq', own, other), emit.scale(g, 0.5), g);
    return emit.apply('select', emit.apply(loses, own, other), zero, shared);
  };
  return binary(
    (emit, g, a, b, y) => side(emit, g, a, b, y),
    (emit, g, a, b, y) => side(emit, g, b, a, y),
  );
};

/** height·exp(-x²). */
const bell = (e: Emit, x: ValueId, height: number): ValueId =>
  e.scale(e.apply('exp', e.apply('neg', e.apply('mul', x, x))), height);

const SCALAR: Readonly<Record<ScalarOp, Rule>> = {
  neg: unary((e, g) => e.apply('neg', g)),
  // At 0 the gradient of abs is 0, the value of sign there.
  abs: slope((e, x) => e.apply('sign', x)),
  sign: NONE,
  exp: slope((_, __, y) => y),
  // Not by the result, which is -1 to all digits where the slope is small.
  expm1: slope((e, x) => e.apply('exp', x)),
  log: unary((e, g, x) => e.over(g, x)),
  log1p: unary((e, g, x) => e.over(g, e.apply('add', x, e.constantLike(x, 1)))),
  // 1 / y is what a reciprocal of the root is, which many models have anyway.
  sqrt: unary((e, g, _, y) => e.times(e.scale(g, 0.5), e.apply('div', e.constantLike(y, 1), y))),
  // By the results, which are kept anyway, as in PyTorch and JAX: to 2^-24 of the largest slope, not of a small one.
  tanh: slope((e, _, y) => e.apply('sub', e.constantLike(y, 1), e.apply('mul', y, y))),
  sigmoid: slope((e, _, y) => e.apply('mul', y, e.apply('sub', e.constantLike(y, 1), y))),
  softplus: slope((e, x) => e.apply('sigmoid', x)),
  erf: slope((e, x) => bell(e, x, 2 / Math.sqrt(Math.PI))),
  erfc: slope((e, x) => bell(e, x, -2 / Math.sqrt(Math.PI))),
  sin: slope((e, x) => e.apply('cos', x)),
  cos: slope((e, x) => e.apply('neg', e.apply('sin', x))),
  floor: NONE,
  // Gradients are taken before anything is rounded to be stored.
  roundF16: NONE,
  isNan: NONE,
  add: binary(
    (_, g) => g,
    (_, g) => g,
  ),
  sub: binary(
    (_, g) => g,
    (e, g) => e.apply('neg', g),
  ),
  mul: binary(
    (e, g, _, b) => e.times(g, b),
    (e, g, a) => e.times(g, a),
  ),
  div: binary(
    (e, g, _, b) => e.over(g, b),
    // Of a reciprocal by the result alone, so that nothing else needs to be kept.
    (e, g, a, b, y) =>
      e.apply('neg', e.isOne(a) ? e.times(e.times(g, y), y) : e.over(e.times(g, y), b)),
  ),
  // d/da a^b = b·a^(b-1), 0 where b is 0. d/db a^b = a^b·log a, 0 where a is 0 and b is not negative (both as in PyTorch), and
  // in general where a^b has become 0, which is stronger than the logarithm of an infinite base.
  pow: binary(
    (e, g, a, b) => {
      const power = e.apply('pow', a, e.apply('sub', b, e.constantLike(b, 1)));
      const zero = e.constantLike(b, 0);
      const full = e.apply('mul', b, power);
      return e.times(g, e.apply('select', e.apply('eq', b, zero), zero, full));
    },
    (e, g, a, b, y) => {
      const zero = e.constantLike(a, 0);
      const vanishes = e.apply(
        'or',
        e.apply('and', e.apply('eq', a, zero), e.apply('ge', b, zero)),
        e.apply('and', e.apply('eq', y, zero), e.apply('gt', a, zero)),
      );
      const full = e.apply('mul', y, e.apply('log', a));
      return e.times(g, e.apply('select', vanishes, zero, full));
    },
  ),
  max: extremum('lt', 'le'),
  min: extremum('gt', 'ge'),
  // a mod b = a - b·trunc(a/b), with the quotient constant almost everywhere.
  mod: binary(
    (_, g) => g,
    (e, g, a, b, y) => e.apply('neg', e.times(g, e.apply('div', e.apply('sub', a, y), b))),
  ),
  eq: NONE,
  ne: NONE,
  lt: NONE,
  le: NONE,
  gt: NONE,
  ge: NONE,
  and: NONE,
  or: NONE,
  not: NONE,
  select: ({
    node: {
      operands: [condition],
    },
    gradient,
    emit,
    wanted,
  }) => {
    const zero = emit.constantLike(gradient, 0);
    return [
      null,
      wanted(1) ? emit.masked(emit.apply('select', condition, gradient, zero)) : null,
      wanted(2) ? emit.masked(emit.apply('select', condition, zero, gradient)) : null,
    ];
  },
  // Of an f32 value it is the identity; an i32 value takes no gradient.
  toF32: unary((_, g) => g),
  toI32: NONE,
};

/** Elements equal to the extremum share the gradient equally, as in JAX. */
const reduceExtremum: Rule = ({ node, value, gradient, emit }) => {
  const [x] = node.operands;
  const { axes } = node.attributes as { axes: readonly number[] };
  const shape = emit.shapeOf(x);
  const hit = emit.apply('toF32', emit.apply('eq', x, emit.restoreAxes(value, shape, axes)));
  const count = emit.reduceSum(hit, axes);
  return [
    emit.apply('mul', hit, emit.restoreAxes(emit.apply('div', gradient, count), shape, axes)),
  ];
};

const STRUCTURAL: { readonly [Op in StructuralOp]: Rule } = {
  input: NONE,
  parameter: NONE,
  constant: NONE,
  iota: NONE,
  random: NONE,
  stopGradient: NONE,
  reshape: unary((e, g, x) => e.reshape(g, e.shapeOf(x))),
  transpose: ({ node, gradient, emit }) => {
    const { permutation } = node.attributes as { permutation: readonly number[] };
    const inverse = new Array<number>(permutation.length);
    permutation.forEach((axis, k) => {
      inverse[axis] = k;
    });
    return [emit.node('transpose', [gradient], { permutation: inverse })];
  },
  slice: ({ node, gradient, emit }) => {
    const { starts, sizes } = node.attributes as {
      starts: readonly number[];
      sizes: readonly number[];
    };
    const shape = emit.shapeOf(node.operands[0]);
    const high = shape.map((extent, axis) => extent - starts[axis] - sizes[axis]);
    return [emit.node('pad', [gradient], { low: starts, high, value: 0 })];
  },
  pad: ({ node, gradient, emit }) => {
    const { low } = node.attributes as { low: readonly number[] };
    return [emit.node('slice', [gradient], { starts: low, sizes: emit.shapeOf(node.operands[0]) })];
  },
  broadcast: ({ node, gradient, emit }) => {
    const { axes, shape } = node.attributes as {
      axes: readonly number[];
      shape: readonly number[];
    };
    const own = emit.shapeOf(node.operands[0]);
    const summed = shape
      .map((_, axis) => axis)
      .filter((axis) => !axes.some((a, k) => a === axis && own[k] === shape[axis]));
    return [emit.reshape(emit.reduceSum(gradient, summed), own)];
  },
  window: ({ node, gradient, emit }) => {
    const { axis, stride, dilation, low } = (node as NodeOf<'window'>).attributes;
    const extent = emit.shapeOf(node.operands[0])[axis];
    return [emit.node('fold', [gradient], { axis, stride, dilation, low, extent })];
  },
  fold: ({ node, gradient, emit }) => {
    const { extent: _, ...steps } = (node as NodeOf<'fold'>).attributes;
    const [positions, size] = emit.shapeOf(node.operands[0]).slice(steps.axis);
    return [emit.node('window', [gradient], { ...steps, positions, size, value: 0 })];
  },
  concat: ({ node, gradient, emit, wanted }) => {
    const { axis } = node.attributes as { axis: number };
    let start = 0;
    return node.operands.map((operand, k) => {
      const sizes = emit.shapeOf(operand);
      const starts = sizes.map((_, j) => (j === axis ? start : 0));
      start += sizes[axis];
      return wanted(k) ? emit.node('slice', [gradient], { starts, sizes }) : null;
    });
  },
  contract: contractionRule,
  reduceSum: ({ node, gradient, emit }) => {
    const [x] = node.operands;
    return [
      emit.restoreAxes(
        gradient,
        emit.shapeOf(x),
        (node.attributes as { axes: readonly number[] }).axes,
      ),
    ];
  },
  reduceMax: reduceExtremum,
  reduceMin: reduceExtremum,
  gather: ({
    node: {
      operands: [table, indices],
    },
    gradient,
    emit,
  }) => [
    // The forward clamps its indices, so the gradient goes to the clamped rows.
    emit.node('scatterAdd', [gradient, emit.clampIndices(indices, emit.shapeOf(table)[0])], {
      rows: emit.shapeOf(table)[0],
    }),
    null,
  ],
  scatterAdd: ({ node, gradient, emit }) => {
    const [updates, indices] = node.operands;
    const { rows } = node.attributes as { rows: number };
    const rank = emit.shapeOf(indices).length;
    const valid = emit.apply(
      'and',
      emit.apply('ge', indices, emit.constantLike(indices, 0)),
      emit.apply('lt', indices, emit.constantLike(indices, rows)),
    );
    const taken = emit.node('gather', [gradient, indices], {});
    const shape = emit.shapeOf(updates);
    const mask = emit.node('broadcast', [valid], {
      shape,
      axes: Array.from({ length: rank }, (_, k) => k),
    });
    return [emit.apply('select', mask, taken, emit.constantLike(taken, 0)), null];
  },
};

/**
 * The gradient of an operand is the contraction of the output's gradient with all other operands over the operand's own
 * letters. A letter that no other factor carries was summed away: its gradient is the same at every index (a broadcast).
 * A letter that stands twice in the operand picked a diagonal: the gradient lives on that diagonal.
 */
function contractionRule({
  node,
  gradient,
  emit,
  wanted,
}: Application): readonly (ValueId | null)[] {
  const equation = parseEquation((node.attributes as { equation: string }).equation);
  if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
  const extents = letterExtents(
    equation,
    node.operands.map((operand) => emit.shapeOf(operand)),
  ) as Map<string, number>;
  return node.operands.map((operand, k) => {
    if (!wanted(k)) return null;
    const term = equation.operands[k];
    const letters = [...new Set(term)];
    const others = node.operands.filter((_, j) => j !== k);
    const terms = [equation.output, ...equation.operands.filter((_, j) => j !== k)];
    const carried = letters.filter((letter) => terms.some((other) => other.includes(letter)));
    const product = emit.contract(formatEquation({ operands: terms, output: carried.join('') }), [
      gradient,
      ...others,
    ]);
    const full = letters.map((letter) => extents.get(letter)!);
    const spread = emit.broadcastAlong(
      product,
      full,
      carried.map((letter) => letters.indexOf(letter)),
    );
    return letters.length === term.length
      ? spread
      : onDiagonal(emit, spread, letters, term, emit.shapeOf(operand));
  });
}

/** Spreads a value over distinct letters onto a term that repeats some of them, zero off the diagonal. */
function onDiagonal(
  emit: Emit,
  value: ValueId,
  letters: readonly string[],
  term: string,
  shape: readonly number[],
): ValueId {
  const first = [...term].map((letter, axis) => term.indexOf(letter) === axis);
  const axes = letters.map((letter) => term.indexOf(letter));
  let result = emit.node('broadcast', [value], { shape, axes });
  for (let axis = 0; axis < term.length; axis++) {
    if (first[axis]) continue;
    const here = emit.node('iota', [], { shape, axis });
    const there = emit.node('iota', [], { shape, axis: term.indexOf(term[axis]) });
    result = emit.apply(
      'select',
      emit.apply('eq', here, there),
      result,
      emit.constantLike(result, 0),
    );
  }
  return result;
}

/** The gradient table: one row per op. */
export const GRADIENT_RULES: Readonly<Record<OpName, Rule>> = { ...SCALAR, ...STRUCTURAL };

/** False for ops whose result is constant almost everywhere, through which no gradient flows. */
export function passesGradient(op: OpName): boolean {
  return GRADIENT_RULES[op] !== NONE;
}
