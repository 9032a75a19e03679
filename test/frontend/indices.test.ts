import { describe, expect, test } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import * as btc from '../../compiler/language.ts';
import { type IndexRange, indexNotes } from '../../ir/index-range.ts';

type Tensors = Readonly<Record<string, btc.Tensor>>;

const table = (rows: number) => btc.zeros([rows, 2]);
const rowsOf = (indices: btc.Tensor, rows = 10) => btc.gather(table(rows), indices);

function trace(build: (inputs: Tensors) => Tensors, programs = {}) {
  const inputs = {
    t: btc.tensor([4, 3], 'i32'),
    f: btc.tensor([4, 3]),
    n: btc.tensor([], 'i32'),
    x: btc.tensor([4, 3, 5]),
  };
  const used = btc.defineModel({
    name: 'm',
    inputs,
    // Every input is used somewhere.
    build: ({ t, f, n, x }) => ({ t, f, n, x, ...build({ t, f, n, x }) }),
    programs,
  });
  return traceModel(used);
}

/** The ranges of input `name` of the program `predict`, in the words of inspect; or the mistakes. */
function rangesOf(build: (inputs: Tensors) => btc.Tensor, name = 't'): string[] {
  const { inputs, diagnostics } = trace((tensors) => ({ z: build(tensors) }));
  if (diagnostics.length > 0) return diagnostics.map(({ code }) => code);
  const { ranges, type } = inputs.find((input) => input.name === name)!;
  return indexNotes({ shape: type.shape, ...(ranges ? { ranges: ranges.predict } : {}) });
}

describe('an input that is used as indices carries its range', () => {
  test.each<[string, (inputs: Tensors) => btc.Tensor, string[]]>([
    ['by gather', ({ t }) => rowsOf(t), ['index from 0 to 9']],
    ['by a one-hot', ({ t }) => btc.oneHot(t, 7), ['index from 0 to 6']],
    ['by an embedding', ({ t }) => btc.embedding(8, 2)(t), ['index from 0 to 7']],
    [
      'by a factorised embedding',
      ({ t }) =>
        btc.embedding(12, 4, {
          weight: btc.tensorTrain({ inputModes: [3, 4], outputModes: [2, 2], rank: 2 }),
        })(t),
      ['index from 0 to 11'],
    ],
    ['as labels', ({ t, x }) => btc.crossEntropy(x, t), ['index from 0 to 4']],
    [
      'as labels with one that is ignored',
      ({ t, x }) => btc.crossEntropy(x, t, { ignoreIndex: -100 }),
      ['index from 0 to 4 or -100'],
    ],
    [
      'as labels of which a class is ignored',
      ({ t, x }) => btc.crossEntropy(x, t, { ignoreIndex: 2 }),
      ['index from 0 to 4'],
    ],
  ])('%s', (_, build, wanted) => {
    expect(rangesOf(build)).toEqual(wanted);
  });

  test.each<[string, (inputs: Tensors) => btc.Tensor, string[]]>([
    ['another shape', ({ t }) => rowsOf(t.reshape([2, 6]).transpose()), ['index from 0 to 9']],
    ['no gradient', ({ t }) => rowsOf(btc.stopGradient(t)), ['index from 0 to 9']],
    [
      'a repetition',
      ({ t }) => rowsOf(btc.broadcastTo(btc.expandDims(t, 0), [2, 4, 3])),
      ['index from 0 to 9'],
    ],
    ['a slice', ({ t }) => rowsOf(t.slice(1, 0, 2)), ['[:, 0:2] index from 0 to 9']],
    [
      'a slice of a slice',
      ({ t }) => rowsOf(t.slice(1, 1, 3).slice(0, 2, 3)),
      ['[2, 1:3] index from 0 to 9'],
    ],
    [
      'every other column',
      ({ t }) => rowsOf(btc.slice(t, 1, 0, 3, 2)),
      ['[:, 0:3:2] index from 0 to 9'],
    ],
    [
      'a part of other rows',
      ({ t }) => rowsOf(t.reshape([6, 2]).slice(0, 0, 2)),
      ['[0, :] index from 0 to 9', '[1, 0] index from 0 to 9'],
    ],
    [
      'one column at a time',
      ({ t }) => btc.stack([0, 1, 2].map((k) => rowsOf(btc.squeeze(t.slice(1, k, k + 1), 1)))),
      ['index from 0 to 9'],
    ],
    [
      'padding that fits',
      ({ t }) =>
        rowsOf(
          btc.pad(
            t,
            [
              [0, 0],
              [1, 0],
            ],
            9,
          ),
        ),
      ['index from 0 to 9'],
    ],
    [
      'padding that does not',
      ({ t }) =>
        rowsOf(
          btc.pad(
            t,
            [
              [0, 0],
              [1, 0],
            ],
            -1,
          ),
        ),
      ['BTC2050'],
    ],
    [
      'padding that is cut off again',
      ({ t }) =>
        rowsOf(
          btc
            .pad(
              t,
              [
                [0, 0],
                [1, 0],
              ],
              -1,
            )
            .slice(1, 1),
        ),
      ['index from 0 to 9'],
    ],
    [
      'a start symbol in front',
      ({ t }) => rowsOf(btc.concat([btc.full([4, 1], 9, 'i32'), t.slice(1, 0, 2)], 1)),
      ['[:, 0:2] index from 0 to 9'],
    ],
    ['a shift', ({ t }) => rowsOf(btc.sub(t, 1)), ['index from 1 to 10']],
    ['a shift the other way', ({ t }) => rowsOf(btc.add(3, t)), ['index from -3 to 6']],
    [
      'a replacement of one value',
      ({ t }) => rowsOf(btc.select(btc.equal(t, -1), 0, t)),
      ['index from 0 to 9 or -1'],
    ],
    [
      'the same, said the other way',
      ({ t }) => rowsOf(btc.where(btc.notEqual(t, 99), t, 4)),
      ['index from 0 to 9 or 99'],
    ],
    ['two uses', ({ t }) => btc.add(rowsOf(t), rowsOf(t, 4)), ['index from 0 to 3']],
    [
      'two uses, of which one ignores a value',
      ({ t, x }) => btc.add(btc.crossEntropy(x, t, { ignoreIndex: -1 }), rowsOf(t).sum()),
      ['index from 0 to 4'],
    ],
    [
      'a narrower use of a part',
      ({ t }) => btc.add(rowsOf(t).sum(), rowsOf(t.slice(1, 0, 1), 4).sum()),
      ['index from 0 to 9', '[:, 0] index from 0 to 3'],
    ],
    [
      'a wider use of a part',
      ({ t }) => btc.add(rowsOf(t).sum(), rowsOf(t.slice(1, 0, 1), 40).sum()),
      ['index from 0 to 9'],
    ],
    ['what cannot be both', ({ t }) => btc.add(rowsOf(t), rowsOf(btc.sub(t, 30))), ['BTC2051']],
  ])('through %s', (_, build, wanted) => {
    expect(rangesOf(build)).toEqual(wanted);
  });

  test('of f32, cast', () => {
    expect(rangesOf(({ f }) => rowsOf(btc.cast(f, 'i32')), 'f')).toEqual(['index from 0 to 9']);
    const shifted = ({ f }: Tensors) => rowsOf(btc.sub(btc.cast(f, 'i32'), 1));
    expect(rangesOf(shifted, 'f')).toEqual(['index from 1 to 10']);
  });

  test('of one element', () => {
    expect(rangesOf(({ n }) => rowsOf(n), 'n')).toEqual(['index from 0 to 9']);
  });

  test.each<[string, (inputs: Tensors) => btc.Tensor]>([
    ['limited', ({ t }) => rowsOf(btc.clip(t, 0, 9))],
    ['a remainder', ({ t }) => rowsOf(btc.mod(t, 10))],
    ['chosen by another', ({ t, f }) => rowsOf(btc.select(btc.greater(f, 0), t, 0))],
    ['rounded from f32', ({ f }) => rowsOf(btc.cast(btc.floor(f), 'i32'))],
    ['not an index', ({ t }) => btc.mul(t, 2)],
  ])('but not where it is %s', (_, build) => {
    expect([...rangesOf(build), ...rangesOf(build, 'f')]).toEqual([]);
  });

  test('in each program its own', () => {
    const programs = {
      own: ({ t }: Tensors) => ({ z: rowsOf(t, 3) }),
      none: ({ t }: Tensors) => ({ z: btc.neg(t) }),
    };
    const { inputs } = trace(({ t }) => ({ z: rowsOf(t) }), programs);
    const wanted: Record<string, IndexRange[]> = {
      predict: [{ low: 0, high: 10 }],
      own: [{ low: 0, high: 3 }],
    };
    expect(inputs.find(({ name }) => name === 't')?.ranges).toEqual(wanted);
  });
});

describe('indices that are known are checked when the model is built', () => {
  test.each<[string, () => btc.Tensor, boolean]>([
    ['positions', () => rowsOf(btc.arange(10)), true],
    ['positions beyond the table', () => rowsOf(btc.arange(11)), false],
    ['the end of too many positions', () => rowsOf(btc.arange(20).slice(0, 5, 11)), false],
    ['the start of too many positions', () => rowsOf(btc.arange(20).slice(0, 5, 10)), true],
    ['a number', () => rowsOf(btc.constant(-1, [], 'i32')), false],
    ['reckoned numbers', () => rowsOf(btc.mul(btc.arange(5), 2)), true],
    ['reckoned numbers beyond the table', () => rowsOf(btc.mul(btc.arange(5), 3)), false],
    ['a one-hot', () => btc.oneHot(btc.arange(3), 2), false],
    ['positions of an embedding', () => btc.embedding(4, 2)(btc.arange(5)), false],
  ])('%s', (_, build, isRight) => {
    const codes = trace(() => ({ z: build() })).diagnostics.map(({ code }) => code);
    expect(codes).toEqual(isRight ? [] : ['BTC2050']);
  });
});

test('indices at the end of a long computation take neither time nor stack', () => {
  const { diagnostics } = trace(({ t }) => {
    let index = t;
    for (let step = 0; step < 3000; step++) {
      index = btc.mod(btc.add(index, 1), 10);
      if (step % 100 === 0) rowsOf(index);
    }
    return { z: rowsOf(index) };
  });
  expect(diagnostics).toEqual([]);
});

test('indices of another program are that mistake alone', () => {
  let other: btc.Tensor | null = null;
  const programs = { own: ({ t }: Tensors) => ({ t, z: rowsOf(other!) }) };
  const { diagnostics } = trace(({ t }) => {
    other = t;
    return { z: btc.neg(t) };
  }, programs);
  expect(diagnostics.map(({ code }) => code)).toEqual(['BTC1015']);
});
