import { describe, expect, it } from 'vitest';
import type { ValueId } from '../../ir/graph.ts';
import { evaluateScalar, SCALAR_OP_NAMES, SCALAR_OPS } from '../../ir/scalar.ts';
import { type Build, becomes, folded, stays } from './becomes.ts';

describe('identities', () => {
  const NEUTRAL = [
    ['add', 0],
    ['sub', 0],
    ['mul', 1],
    ['div', 1],
    ['pow', 1],
  ] as const;
  it.each(NEUTRAL)('%s with %s on the right', (op, number) => {
    becomes(
      ({ add, constant, x }) => add(op, [x, constant(number, [2, 3])]),
      ({ x }) => x,
    );
    if (SCALAR_OPS[op].dtypes.includes('i32'))
      becomes(
        ({ add, constant, n }) => add(op, [n, constant(number, [2, 3], 'i32')]),
        ({ n }) => n,
      );
  });

  it.each([
    ['add', 0],
    ['mul', 1],
  ] as const)('%s with %s on the left', (op, number) => {
    becomes(
      ({ add, constant, x }) => add(op, [constant(number, [2, 3]), x]),
      ({ x }) => x,
    );
  });

  it.each([
    ['sub', 0],
    ['div', 1],
    ['pow', 1],
  ] as const)('but not %s with %s on the left', (op, number) => {
    stays(({ add, constant, x }) => add(op, [constant(number, [2, 3]), x]));
  });

  it('a neutral number that was broadcast', () => {
    becomes(
      ({ add, constant, x }) =>
        add('mul', [x, add('broadcast', [constant(1)], { shape: [2, 3], axes: [] })]),
      ({ x }) => x,
    );
  });

  it('a double negation', () => {
    becomes(
      ({ add, x }) => add('neg', [add('neg', [x])]),
      ({ x }) => x,
    );
    becomes(
      ({ add, n }) => add('neg', [add('neg', [add('neg', [n])])]),
      ({ add, n }) => add('neg', [n]),
    );
  });

  it('a conversion to the type that is there', () => {
    becomes(
      ({ add, x }) => add('toF32', [x]),
      ({ x }) => x,
    );
    becomes(
      ({ add, n }) => add('toI32', [n]),
      ({ n }) => n,
    );
    stays(({ add, x }) => add('toF32', [add('toI32', [x])]));
  });

  it('a selection that does not matter, or is decided', () => {
    becomes(
      ({ add, n, x }) => add('select', [n, x, x]),
      ({ x }) => x,
    );
    for (const condition of [0, 1, -3])
      becomes(
        ({ add, constant, x }) =>
          add('select', [constant(condition, [2, 3], 'i32'), x, add('exp', [x])]),
        ({ add, x }) => (condition === 0 ? add('exp', [x]) : x),
      );
  });

  // An infinite or undefined x would give something else.
  it('nothing that fails for some number', () => {
    stays(({ add, constant, x }) => add('mul', [x, constant(0, [2, 3])]));
    stays(({ add, x }) => add('sub', [x, x]));
    stays(({ add, x }) => add('div', [x, x]));
    stays(({ add, constant, x }) => add('pow', [x, constant(2, [2, 3])]));
    stays(({ add, constant, x }) =>
      add('add', [add('add', [x, constant(3, [2, 3])]), constant(4, [2, 3])]),
    );
  });
});

describe('constants at run time', () => {
  it('are float32 before they are computed with, as at run time', () => {
    expect(folded(({ add, constant }) => add('sub', [constant(0.1), constant(0.1 + 1e-9)]))).toBe(
      0,
    );
    expect(folded(({ add, constant }) => add('eq', [constant(0.1), constant(0.1 + 1e-9)]))).toBe(1);
    expect(folded(({ add, constant }) => add('mul', [constant(1e39), constant(0)]))).toBe(
      Number.NaN,
    );
  });

  it('at the ends are what the targets give', () => {
    const of = (op: 'sub' | 'div' | 'mul' | 'pow', a: number, b: number) =>
      folded(({ add, constant }) => add(op, [constant(a), constant(b)]));
    const INFINITY = Number.POSITIVE_INFINITY;
    expect(of('div', 0, 0)).toBe(Number.NaN);
    expect(of('div', 1, -0)).toBe(-INFINITY);
    expect(of('sub', INFINITY, INFINITY)).toBe(Number.NaN);
    expect(of('mul', 3e38, 2)).toBe(INFINITY);
    expect(of('pow', 1, Number.NaN)).toBe(1);
    expect(folded(({ add, constant }) => add('log', [constant(0)]))).toBe(-INFINITY);
  });
});

describe('views', () => {
  it('a reshape to the shape that is there', () => {
    becomes(
      ({ add, x }) => add('reshape', [x], { shape: [2, 3] }),
      ({ x }) => x,
    );
  });

  it('reshapes in a row', () => {
    becomes(
      ({ add, x }) => add('reshape', [add('reshape', [x], { shape: [6] })], { shape: [3, 2] }),
      ({ add, x }) => add('reshape', [x], { shape: [3, 2] }),
    );
    becomes(
      ({ add, x }) => add('reshape', [add('reshape', [x], { shape: [6] })], { shape: [2, 3] }),
      ({ x }) => x,
    );
  });

  it('a transpose that moves nothing', () => {
    becomes(
      ({ add, x }) => add('transpose', [x], { permutation: [0, 1] }),
      ({ x }) => x,
    );
  });

  it('transposes in a row', () => {
    becomes(
      ({ add, x }) =>
        add('transpose', [add('transpose', [x], { permutation: [1, 0] })], {
          permutation: [1, 0],
        }),
      ({ x }) => x,
    );
    becomes(
      ({ add, x }) => {
        const cube = add('broadcast', [x], { shape: [4, 2, 3], axes: [1, 2] });
        const turned = add('transpose', [cube], { permutation: [1, 2, 0] });
        return add('transpose', [turned], { permutation: [0, 2, 1] });
      },
      ({ add, x }) => {
        const cube = add('broadcast', [x], { shape: [4, 2, 3], axes: [1, 2] });
        return add('transpose', [cube], { permutation: [1, 0, 2] });
      },
    );
  });

  it('a slice of everything', () => {
    becomes(
      ({ add, x }) => add('slice', [x], { starts: [0, 0], sizes: [2, 3] }),
      ({ x }) => x,
    );
  });

  it('slices in a row', () => {
    becomes(
      ({ add, x }) =>
        add('slice', [add('slice', [x], { starts: [0, 1], sizes: [2, 2] })], {
          starts: [1, 1],
          sizes: [1, 1],
        }),
      ({ add, x }) => add('slice', [x], { starts: [1, 2], sizes: [1, 1] }),
    );
  });

  const sliced =
    (starts: number[], sizes: number[]): Build =>
    ({ add, x }) => {
      const joined = add('concat', [add('exp', [x]), add('sin', [x])], { axis: 1 });
      return add('slice', [joined], { starts, sizes });
    };
  it('a slice of one part of a concatenation', () => {
    becomes(sliced([0, 0], [2, 3]), ({ add, x }) => add('exp', [x]));
    becomes(sliced([0, 3], [2, 3]), ({ add, x }) => add('sin', [x]));
    becomes(sliced([1, 4], [1, 2]), ({ add, x }) =>
      add('slice', [add('sin', [x])], { starts: [1, 1], sizes: [1, 2] }),
    );
    stays(sliced([0, 2], [2, 2]));
  });

  it('a padding of nothing', () => {
    becomes(
      ({ add, x }) => add('pad', [x], { low: [0, 0], high: [0, 0], value: 9 }),
      ({ x }) => x,
    );
  });

  it('windows side by side', () => {
    const steps = { axis: 1, stride: 3, dilation: 1, low: 0, value: 0 };
    becomes(
      ({ add, x }) => add('window', [x], { ...steps, positions: 1, size: 3 }),
      ({ add, x }) => add('reshape', [x], { shape: [2, 1, 3] }),
    );
    becomes(
      ({ add, x }) => add('window', [x], { ...steps, stride: 1, positions: 3, size: 1 }),
      ({ add, x }) => add('reshape', [x], { shape: [2, 3, 1] }),
    );
    for (const other of [{ low: 1 }, { size: 2 }, { positions: 2 }, { dilation: -1, low: -2 }])
      stays(({ add, x }) => add('window', [x], { ...steps, positions: 1, size: 3, ...other }));
  });

  it('a broadcast to the shape that is there', () => {
    becomes(
      ({ add, x }) => add('broadcast', [x], { shape: [2, 3], axes: [0, 1] }),
      ({ x }) => x,
    );
  });

  it('broadcasts in a row', () => {
    becomes(
      ({ add, x }) => {
        const row = add('slice', [x], { starts: [1, 0], sizes: [1, 3] });
        const inner = add('broadcast', [row], { shape: [4, 1, 3], axes: [1, 2] });
        return add('broadcast', [inner], { shape: [4, 5, 2, 3], axes: [0, 2, 3] });
      },
      ({ add, x }) => {
        const row = add('slice', [x], { starts: [1, 0], sizes: [1, 3] });
        return add('broadcast', [row], { shape: [4, 5, 2, 3], axes: [2, 3] });
      },
    );
  });

  it('a concatenation of one part', () => {
    becomes(
      ({ add, x }) => add('concat', [x], { axis: 1 }),
      ({ x }) => x,
    );
  });

  it('long chains, however deep', () => {
    becomes(
      ({ add, x }) => {
        let value = x;
        for (let k = 0; k < 21; k++) value = add('transpose', [value], { permutation: [1, 0] });
        for (let k = 0; k < 20; k++)
          value = add('reshape', [value], { shape: k % 2 ? [3, 2] : [6] });
        return value;
      },
      ({ add, x }) => add('transpose', [x], { permutation: [1, 0] }),
    );
  });
});

describe('reductions and contractions', () => {
  const REDUCTIONS = ['reduceSum', 'reduceMax', 'reduceMin'] as const;
  it.each(REDUCTIONS)('%s over no axes', (op) => {
    becomes(
      ({ add, x }) => add(op, [x], { axes: [] }),
      ({ x }) => x,
    );
  });

  it('a contraction over transposed operands', () => {
    becomes(
      ({ add, x }) => {
        const turned = add('transpose', [x], { permutation: [1, 0] });
        return add('contract', [turned, x, turned], { equation: 'ij,jk,kl->li' });
      },
      ({ add, x }) => add('contract', [x, x, x], { equation: 'ji,jk,lk->li' }),
    );
    becomes(
      ({ add, x }) => {
        const cube = add('broadcast', [x], { shape: [4, 2, 3], axes: [1, 2] });
        const turned = add('transpose', [cube], { permutation: [1, 2, 0] });
        return add('contract', [turned], { equation: 'bca->ac' });
      },
      ({ add, x }) => {
        const cube = add('broadcast', [x], { shape: [4, 2, 3], axes: [1, 2] });
        return add('contract', [cube], { equation: 'abc->ac' });
      },
    );
  });

  it('such a contraction whose equation has spaces', () => {
    becomes(
      ({ add, x }) => {
        const turned = add('transpose', [x], { permutation: [1, 0] });
        return add('contract', [x, turned], { equation: 'ij, jk -> ik' });
      },
      ({ add, x }) => add('contract', [x, x], { equation: 'ij,kj->ik' }),
    );
  });
});

describe('constants', () => {
  const pair: Build = ({ constant }) => constant(2.5, [2, 3]);
  const becomesConstant = (before: Build, value: number, shape: number[]) =>
    becomes(before, ({ constant }) => constant(value, shape));

  it('in views are constants of another shape', () => {
    const view = (make: (typed: Parameters<Build>[0], two: ValueId) => ValueId, shape: number[]) =>
      becomesConstant((typed) => make(typed, pair(typed)), 2.5, shape);
    view(({ add }, c) => add('reshape', [c], { shape: [6] }), [6]);
    view(({ add }, c) => add('transpose', [c], { permutation: [1, 0] }), [3, 2]);
    view(({ add }, c) => add('slice', [c], { starts: [0, 1], sizes: [2, 2] }), [2, 2]);
    view(({ add }, c) => add('broadcast', [c], { shape: [4, 2, 3], axes: [1, 2] }), [4, 2, 3]);
    view(({ add }, c) => add('pad', [c], { low: [1, 0], high: [0, 1], value: 2.5 }), [3, 4]);
    const steps = { axis: 1, stride: 1, dilation: 1, low: 1, positions: 3, size: 2 };
    view(({ add }, c) => add('window', [c], { ...steps, value: 2.5 }), [2, 3, 2]);
  });

  it('stay when they are padded with another number', () => {
    stays((typed) => typed.add('pad', [pair(typed)], { low: [1, 0], high: [0, 0], value: 0 }));
  });

  it('are reduced', () => {
    const reduced = (op: 'reduceSum' | 'reduceMax' | 'reduceMin', axes: number[]): Build => {
      return (typed) => typed.add(op, [pair(typed)], { axes });
    };
    becomesConstant(reduced('reduceSum', [1]), 7.5, [2]);
    becomesConstant(reduced('reduceSum', [0, 1]), 15, []);
    becomesConstant(reduced('reduceMax', [0]), 2.5, [3]);
    becomesConstant(reduced('reduceMin', [0, 1]), 2.5, []);
  });

  it('of integers sum up to an integer of 32 bits', () => {
    becomes(
      ({ add, constant }) => add('reduceSum', [constant(2 ** 30, [2, 3], 'i32')], { axes: [1] }),
      ({ constant }) => constant(3 * 2 ** 30 - 2 ** 32, [2], 'i32'),
    );
  });

  it.each(SCALAR_OP_NAMES)('fold under %s', (op) => {
    const { arity, dtypes, rule } = SCALAR_OPS[op];
    const numbers = [8, 2, 4].slice(0, arity);
    for (const dtype of dtypes) {
      const fold: Build = ({ add, constant }) =>
        add(
          op,
          numbers.map((number, k) =>
            constant(number, [2], rule === 'select' && k === 0 ? 'i32' : dtype),
          ),
        );
      expect(folded(fold)).toBe(Math.fround(evaluateScalar(op, dtype, 8, 2, 4)));
    }
  });

  it('fold to numbers of float32, and integers to 32 bits', () => {
    const third: Build = ({ add, constant }) => add('div', [constant(1), constant(3)]);
    expect(folded(third)).toBe(Math.fround(1 / 3));
    const large: Build = ({ add, constant }) =>
      add('mul', [constant(65537, [], 'i32'), constant(65537, [], 'i32')]);
    expect(folded(large)).toBe(131073);
    const shortened: Build = ({ add, constant }) =>
      add('div', [constant(-7, [], 'i32'), constant(2, [], 'i32')]);
    expect(folded(shortened)).toBe(-3);
  });

  it('fold all the way', () => {
    becomes(
      ({ add, constant, x }) => {
        const two = add('add', [constant(1, [3]), constant(1, [3])]);
        const half = add('div', [
          constant(1, [2, 3]),
          add('broadcast', [two], { shape: [2, 3], axes: [1] }),
        ]);
        const one = add('mul', [half, constant(2, [2, 3])]);
        return add('mul', [one, x]);
      },
      ({ x }) => x,
    );
  });
});
