import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extendGraph } from '../../compiler/rewrite.ts';
import type { ValueId } from '../../ir/graph.ts';
import { OP_NAMES, OPS, type OpAttributes, type OpName, type StructuralOp } from '../../ir/ops.ts';
import { SCALAR_OPS, type ScalarOp } from '../../ir/scalar.ts';
import type { Shape } from '../../ir/tensor.ts';
import {
  graphCases,
  type TypedBuilder,
  typedBuilder,
  weightedSum,
} from '../support/random-graph.ts';
import { soaked } from '../support/soak.ts';
import {
  A,
  B,
  type Build,
  check,
  expectGradients,
  pointwise,
  prepare,
} from './finite-differences.ts';

const applied =
  <Op extends OpName>(op: Op, attributes: OpAttributes[Op], ...shapes: Shape[]): Build =>
  (typed, x) => {
    const operands = shapes.map((shape) => x(shape));
    return typed.append(op, operands, attributes);
  };

const POSITIVE = [0.4, 2.5, 1.3];

const SCALAR: { readonly [Op in ScalarOp]: readonly Build[] } = {
  neg: [pointwise('neg', A)],
  abs: [pointwise('abs', A)],
  sign: [pointwise('sign', A)],
  exp: [pointwise('exp', A)],
  expm1: [pointwise('expm1', A)],
  log: [pointwise('log', POSITIVE)],
  log1p: [pointwise('log1p', POSITIVE)],
  sqrt: [pointwise('sqrt', POSITIVE)],
  tanh: [pointwise('tanh', A)],
  sigmoid: [pointwise('sigmoid', A)],
  softplus: [pointwise('softplus', A)],
  erf: [pointwise('erf', A)],
  erfc: [pointwise('erfc', A)],
  sin: [pointwise('sin', A)],
  cos: [pointwise('cos', A)],
  floor: [pointwise('floor', A)],
  roundF16: [pointwise('roundF16', A)],
  isNan: [pointwise('isNan', A)],
  add: [
    pointwise('add', A, B),
    // An odd number of contributions to one gradient.
    ({ add }, x) => {
      const a = x([3], A);
      return add('add', [add('add', [add('exp', [a]), add('sin', [a])]), add('neg', [a])]);
    },
  ],
  sub: [pointwise('sub', A, B)],
  mul: [pointwise('mul', A, B)],
  div: [pointwise('div', A, B), pointwise('div', B, A)],
  pow: [
    pointwise('pow', POSITIVE, A),
    // A negative base has a power only for whole exponents, which therefore have no gradient.
    ({ add, constant }, x) => add('pow', [x([3], A), constant(3, [3])]),
  ],
  max: [
    pointwise('max', A, B),
    ({ add, constant }, x) => add('max', [x([3], A), constant(0.5, [3])]),
    ({ add, constant }, x) => add('max', [constant(0.5, [3]), x([3], A)]),
  ],
  min: [
    pointwise('min', A, B),
    ({ add, constant }, x) => add('min', [x([3], A), constant(0.5, [3])]),
    ({ add, constant }, x) =>
      add('min', [add('broadcast', [constant(0.5)], { shape: [3], axes: [] }), x([3], A)]),
  ],
  mod: [pointwise('mod', [5.3, -5.3, 5.3, -5.3, 0.4], [2, 2, -1.5, -1.5, 1])],
  eq: [pointwise('eq', A, B)],
  ne: [pointwise('ne', A, B)],
  lt: [pointwise('lt', A, B)],
  le: [pointwise('le', A, B)],
  gt: [pointwise('gt', A, B)],
  ge: [pointwise('ge', A, B)],
  and: [pointwise('and', A, B)],
  or: [pointwise('or', A, B)],
  not: [pointwise('not', A)],
  select: [
    pointwise('select', [1.5, 0.5, -1.5], A, B),
    // The condition moves with an operand, but the result does not jump where it does.
    ({ add }, x) => {
      const a = x([3], A);
      const b = x([3], B);
      return add('select', [add('lt', [a, b]), add('mul', [a, b]), add('sin', [a])]);
    },
  ],
  toF32: [pointwise('toF32', A), ({ add }, x) => add('toF32', [add('toI32', [x([3], A)])])],
  toI32: [pointwise('toI32', A)],
};

/** x times a value that is no function of x. */
const times = (other: (typed: TypedBuilder) => ValueId): Build => {
  return (typed, x) => {
    const factor = other(typed);
    return typed.add('mul', [x(typed.builder.shapeOf(factor)), factor]);
  };
};

const contract = (equation: string, ...shapes: Shape[]) =>
  applied('contract', { equation }, ...shapes);

const reductions = (op: 'reduceSum' | 'reduceMax' | 'reduceMin') => [
  applied(op, { axes: [] }, [2, 3]),
  applied(op, { axes: [0] }, [2, 3]),
  applied(op, { axes: [0, 2] }, [2, 3, 2]),
  applied(op, { axes: [1] }, [2, 1, 3]),
  applied(op, { axes: [0, 1] }, [2, 3]),
  applied(op, { axes: [] }, []),
];

/** Whole numbers as a value: 0, 1, 2, … times a factor, shifted. */
function integers({ add, constant }: TypedBuilder, shape: Shape, factor: number, shift: number) {
  const index = add('iota', [], { shape, axis: shape.length - 1 });
  const scaled = add('mul', [index, constant(factor, shape, 'i32')]);
  return add('add', [scaled, constant(shift, shape, 'i32')]);
}

const STRUCTURAL: { readonly [Op in StructuralOp]: readonly Build[] } = {
  input: [(_, x) => x([2, 3])],
  parameter: [({ add }, x) => add('mul', [x([2], A.slice(1), 'parameter'), x([2])])],
  constant: [times(({ constant }) => constant(-2.5, [2, 2]))],
  iota: [times(({ add }) => add('toF32', [add('iota', [], { shape: [2, 3], axis: 1 })]))],
  random: [
    times(({ add, constant }) =>
      add('random', [constant(3, [], 'i32')], { shape: [4], seed: 1, stream: 2 }),
    ),
  ],
  reshape: [
    applied('reshape', { shape: [3, 1, 2] }, [2, 3]),
    applied('reshape', { shape: [] }, [1]),
  ],
  transpose: [
    applied('transpose', { permutation: [1, 2, 0] }, [2, 3, 4]),
    applied('transpose', { permutation: [1, 0] }, [2, 3]),
  ],
  slice: [
    applied('slice', { starts: [1, 0], sizes: [2, 2] }, [4, 3]),
    applied('slice', { starts: [3], sizes: [1] }, [4]),
  ],
  pad: [
    applied('pad', { low: [1, 0], high: [0, 2], value: 0 }, [2, 2]),
    applied('pad', { low: [1], high: [1], value: 7 }, [2]),
  ],
  broadcast: [
    applied('broadcast', { shape: [2, 3], axes: [] }, []),
    applied('broadcast', { shape: [2, 3], axes: [1] }, [3]),
    applied('broadcast', { shape: [2, 3], axes: [0, 1] }, [2, 1]),
    applied('broadcast', { shape: [1, 3, 2], axes: [0, 2] }, [1, 2]),
    applied('broadcast', { shape: [3, 4, 2], axes: [1, 2] }, [1, 2]),
  ],
  window: [
    applied(
      'window',
      { axis: 0, positions: 4, size: 3, stride: 1, dilation: 1, low: 1, value: 0 },
      [4, 2],
    ),
    applied(
      'window',
      { axis: 1, positions: 3, size: 3, stride: 2, dilation: 1, low: 1, value: 0 },
      [2, 5],
    ),
    applied(
      'window',
      { axis: 0, positions: 2, size: 2, stride: 3, dilation: -2, low: -3, value: 0 },
      [6],
    ),
    // A kernel that is used three times gets one gradient over a stack of what its windows look at.
    ({ add }, x) => {
      const kernel = x([3, 2, 2]);
      const steps = { axis: 0, positions: 4, size: 3, stride: 1, dilation: 1, low: 1, value: 0 };
      let y = x([4, 2]);
      for (let k = 0; k < 3; k++)
        y = add('contract', [add('window', [y], steps), kernel], { equation: 'xuc,ucd->xd' });
      return y;
    },
  ],
  fold: [
    applied('fold', { axis: 0, extent: 4, stride: 1, dilation: 1, low: 1 }, [4, 3, 2]),
    applied('fold', { axis: 1, extent: 5, stride: 2, dilation: 3, low: 2 }, [2, 3, 3]),
  ],
  concat: [
    ({ add }, x) => add('concat', [x([2, 1]), x([2, 3]), x([2, 2])], { axis: 1 }),
    ({ add }, x) => {
      const a = x([2]);
      return add('concat', [a, x([1]), a], { axis: 0 });
    },
  ],
  contract: [
    contract('ij,jk->ik', [2, 3], [3, 2]),
    contract('bij,bjk->kbi', [2, 2, 3], [2, 3, 2]),
    contract('i,j,k->kij', [2], [3], [2]),
    contract('ij,jk,kl->il', [2, 3], [3, 2], [2, 3]),
    contract('ij,j->', [2, 3], [3]),
    contract('ij->ji', [2, 3]),
    contract('ijk->j', [2, 3, 2]),
    // A letter that only its own operand has and the output lacks.
    contract('ij,k->k', [2, 3], [2]),
    contract('ii->i', [3, 3]),
    contract('ii->', [3, 3]),
    contract('iji,j->i', [2, 3, 2], [3]),
    contract('iii,i->i', [2, 2, 2], [2]),
    contract(',i->i', [], [3]),
    ({ add }, x) => {
      const a = x([3, 3]);
      return add('contract', [a, a], { equation: 'ij,jk->ik' });
    },
  ],
  reduceSum: reductions('reduceSum'),
  reduceMax: reductions('reduceMax'),
  reduceMin: reductions('reduceMin'),
  gather: [
    // Rows are taken twice, not at all, and clamped at both ends.
    (typed, x) => typed.add('gather', [x([4, 2]), integers(typed, [2, 4], 2, -1)]),
    (typed, x) => typed.add('gather', [x([3]), typed.constant(1, [], 'i32')]),
  ],
  scatterAdd: [
    // Two rows meet, and one at each end is dropped.
    (typed, x) => {
      const rows = typed.add('mod', [integers(typed, [6], 1, -1), typed.constant(4, [6], 'i32')]);
      return typed.add('scatterAdd', [x([6, 2]), rows], { rows: 3 });
    },
    (typed, x) => typed.add('scatterAdd', [x([2, 3]), integers(typed, [2, 3], 2, -1)], { rows: 2 }),
  ],
  stopGradient: [
    ({ add }, x) => {
      const a = x([3]);
      return add('mul', [add('stopGradient', [add('sin', [a])]), a]);
    },
  ],
};

const CASES: { readonly [Op in OpName]: readonly Build[] } = { ...SCALAR, ...STRUCTURAL };

describe('gradients against finite differences', () => {
  it('are checked for every operation, in a graph that has it', () => {
    expect(Object.keys(CASES).sort()).toEqual(Object.keys(OPS).sort());
    expect(Object.keys(SCALAR).sort()).toEqual(Object.keys(SCALAR_OPS).sort());
    for (const op of OP_NAMES) {
      const built = CASES[op].map((build) => prepare(build).typed.builder.nodes);
      expect(built.length, op).toBeGreaterThan(0);
      for (const nodes of built) expect(nodes.map((node) => node.op)).toContain(op);
    }
  });

  it.each(OP_NAMES)('agree for %s', (op) => {
    for (const build of CASES[op]) check(build);
  });

  it('agree on random graphs', () => {
    fc.assert(
      fc.property(graphCases, ({ graph, inputs, parameters }) => {
        const typed = typedBuilder(extendGraph(graph));
        const { nodes } = typed.builder;
        const isFloat = (value: ValueId) => nodes[value].type.dtype === 'f32';
        const outputs = graph.outputs.map(({ value }) => value).filter(isFloat);
        const wrt = nodes.flatMap(({ op }, value) =>
          (op === 'input' || op === 'parameter') && isFloat(value) ? [value] : [],
        );
        const loss = weightedSum(typed, outputs);
        expectGradients(typed.builder, loss, wrt, { ...inputs, ...parameters });
      }),
      soaked(1500),
    );
  });

  it('meet every operation in random graphs', () => {
    const met = new Set(
      fc
        .sample(graphCases, { numRuns: 1500, seed: 1 })
        .flatMap(({ graph }) => graph.nodes.map((node) => node.op)),
    );
    expect(OP_NAMES.filter((op) => !met.has(op))).toEqual([]);
  });
});
