import { describe, expect, it } from 'vitest';
import { dropDead } from '../../compiler/simplify/index.ts';
import { SCALAR_OPS, type ScalarOp } from '../../ir/scalar.ts';
import { typedBuilder, weightedSum } from '../support/random-graph.ts';
import {
  A,
  B,
  type Build,
  check,
  gradients,
  gradientsOf,
  pointwise,
  prepare,
} from './finite-differences.ts';

describe('where there is nothing to differentiate', () => {
  const flat: readonly ScalarOp[] = [
    ...([
      'sign',
      'floor',
      'roundF16',
      'isNan',
      'toI32',
      'eq',
      'ne',
      'lt',
      'le',
      'gt',
      'ge',
    ] as const),
    ...(['and', 'or', 'not'] as const),
  ];
  it.each(flat)('%s passes no gradient', (op) => {
    const operands = [A, B].slice(0, SCALAR_OPS[op].arity);
    expect(gradients(pointwise(op, ...operands))).toEqual(operands.map(() => null));
  });

  it('only the other paths of a value count', () => {
    const sum = (op: 'floor' | 'stopGradient') =>
      gradients(({ add }, x) => {
        const a = x([2], [1.5, -0.5]);
        return add('add', [add('mul', [a, a]), add(op, [a])]);
      });
    expect(sum('floor')).toEqual([[3, -1]]);
    expect(sum('stopGradient')).toEqual([[3, -1]]);
  });

  it('nothing reaches a condition, or integers made of a value', () => {
    const [condition, a] = gradients(({ add }, x) => {
      const c = x([2], [1, -1]);
      return add('select', [add('toI32', [c]), x([2]), c]);
    });
    expect(condition).toEqual([0, 0]);
    expect(a).toEqual([1, 1]);
    const indices: Build = ({ add }, x) => {
      const rows = add('toI32', [x([2], [0.3, 1.4])]);
      return add('gather', [x([2]), rows]);
    };
    expect(gradients(indices)).toEqual([null, [1, 1]]);
  });

  it('a value that the loss does not depend on has none', () => {
    const { builder, add, input } = typedBuilder();
    const x = input('x', []);
    const unused = input('unused', []);
    const loss = add('exp', [x]);
    const later = add('sin', [x]);
    const given = { x: [0], unused: [0] };
    const { values } = gradientsOf(builder, loss, [unused, x, later, x, loss], given);
    expect(values).toEqual([null, [1], null, [1], [1]]);
  });
});

describe('at kinks', () => {
  const X = [-1, 0, 2];

  it('abs has gradient 0 at 0', () => {
    expect(gradients(({ add }, x) => add('abs', [x([3], X)]))).toEqual([[-1, 0, 1]]);
  });

  it('max with a constant is relu, with gradient 0 at the tie', () => {
    const relu: Build = ({ add, constant }, x) => add('max', [x([3], X), constant(0, [3])]);
    const mirrored: Build = ({ add, constant }, x) => add('max', [constant(0, [3]), x([3], X)]);
    expect(gradients(relu)).toEqual([[0, 0, 1]]);
    expect(gradients(mirrored)).toEqual([[0, 0, 1]]);
  });

  it('min with a constant has gradient 0 at the tie', () => {
    const limited: Build = ({ add, constant }, x) => add('min', [x([3], X), constant(0, [3])]);
    expect(gradients(limited)).toEqual([[1, 0, 0]]);
  });

  it.each(['max', 'min'] as const)('equal operands of %s share the gradient', (op) => {
    const both = gradients(({ add }, x) => add(op, [x([3], X), x([3], [1, 0, 1])]));
    expect(both[0]![1]).toBe(0.5);
    expect(both[0]!.map((number, i) => number + both[1]![i])).toEqual([1, 1, 1]);
    const same: Build = ({ add }, x) => {
      const a = x([3], X);
      return add(op, [a, a]);
    };
    expect(gradients(same)).toEqual([[1, 1, 1]]);
  });

  it.each(['reduceMax', 'reduceMin'] as const)('equal elements share that of %s', (op) => {
    const sign = op === 'reduceMax' ? 1 : -1;
    const values = [1, 4, 4, 2, 2, 2].map((number) => sign * number);
    const rows: Build = ({ add }, x) => add(op, [x([2, 3], values)], { axes: [1] });
    const third = 1 / 3;
    expect(gradients(rows)).toEqual([[0, 0.5, 0.5, third, third, third]]);
  });

  const power =
    (exponent: number): Build =>
    ({ add, constant }, x) =>
      add('pow', [x([2], [0, 3]), constant(exponent, [2])]);

  it('powers of 0 have a gradient where it exists', () => {
    expect(gradients(power(2))).toEqual([[0, 6]]);
    expect(gradients(power(1))).toEqual([[1, 1]]);
    expect(gradients(({ add }, x) => add('pow', [x([1], [0]), x([1], [2])]))).toEqual([[0], [0]]);
  });

  it('the power 0 is constant, also at 0', () => {
    expect(gradients(power(0))).toEqual([[0, 0]]);
  });
});

describe('the graph of the gradients', () => {
  const slices =
    (...ranges: readonly (readonly [number, number])[]): Build =>
    ({ add }, x) => {
      const a = x([2, 6]);
      const parts = ranges.map(([start, size], k) => {
        const part = add('slice', [a], { starts: [0, start], sizes: [2, size] });
        return add(k % 2 ? 'sin' : 'exp', [part]);
      });
      return add('concat', parts, { axis: 1 });
    };
  /** What the gradients need besides the forward graph. */
  const nodesAfter = (build: Build) => {
    const { typed, value } = prepare(build);
    const forward = weightedSum(typed, [value]);
    const { graph } = check(build);
    const outputs = [...graph.outputs, { name: 'loss', value: forward }];
    return dropDead({ ...graph, outputs }).nodes.slice(forward + 1);
  };

  it('joins the gradients of disjoint slices in one concatenation', () => {
    for (const build of [slices([4, 2], [0, 1], [1, 3]), slices([1, 1], [4, 1])]) {
      const added = nodesAfter(build).map(({ op }) => op);
      expect(added.filter((op) => op === 'concat')).toHaveLength(1);
      expect(added).not.toContain('add');
    }
  });

  it('adds those of slices that overlap', () => {
    const added = nodesAfter(slices([0, 4], [3, 3])).map(({ op }) => op);
    expect(added).toContain('add');
    expect(added).not.toContain('concat');
  });

  it('adds those of slices that differ along two axes', () => {
    const build: Build = ({ add }, x) => {
      const a = x([4, 4]);
      const blocks = [0, 2].map((start) =>
        add('slice', [a], { starts: [start, start], sizes: [2, 2] }),
      );
      return add('mul', blocks);
    };
    const added = nodesAfter(build).map(({ op }) => op);
    expect(added).toContain('add');
    expect(added).not.toContain('concat');
  });

  it.each([2, 3, 5])(
    'joins the contractions of a weight that is used %s times, from three on',
    (steps) => {
      const recurrent: Build = ({ add }, x) => {
        const weight = x([3, 3]);
        let state = x([2, 3]);
        for (let k = 0; k < steps; k++)
          state = add('tanh', [add('contract', [state, weight], { equation: 'ij,jk->ik' })]);
        return state;
      };
      const ofWeight = nodesAfter(recurrent).filter(
        ({ op, type }) => op === 'contract' && type.shape.join() === '3,3',
      );
      expect(ofWeight).toHaveLength(steps < 3 ? steps : 1);
    },
  );

  it('carries the places of the forward nodes', () => {
    const { builder, add, input } = typedBuilder();
    const at = (line: number) => builder.source({ file: 'model.ts', line, column: 1 });
    const x = input('x', [3]);
    const type = builder.typeOf(x);
    const sine = builder.append('sin', [x], {}, type, at(1));
    const power = builder.append('exp', [sine], {}, type, at(2));
    const loss = add('reduceSum', [power], { axes: [0] });
    const { graph } = gradientsOf(builder, loss, [x], { x: [1, 2, 3] });
    const lines = graph.nodes
      .slice(loss + 1)
      .map(({ op, source }) => `${op} ${graph.sources[source]?.span?.line}`);
    expect(lines).toEqual(expect.arrayContaining(['cos 1']));
    expect(lines.filter((line) => line === 'mul 2')).toHaveLength(1);
  });
});
