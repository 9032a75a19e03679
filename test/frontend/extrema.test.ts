import { describe, expect, test } from 'vitest';
import { type CompiledPlan, compile } from '../../compiler/index.ts';
import * as btc from '../../compiler/language.ts';
import { openSession } from '../support/agreement.ts';
import { programOf } from './run-program.ts';

const { NaN: NONE, POSITIVE_INFINITY: MOST, NEGATIVE_INFINITY: LEAST } = Number;

/** [3, 5]: ties, NaN in front, behind and in several places, infinities, zeros of both signs. */
const FLOATS = [
  [1, NONE, 5, NONE, 5],
  [-0, 0, LEAST, LEAST, 0],
  [NONE, MOST, 2, MOST, NONE],
];
const INTEGERS = [
  [7, -3, 7, 2, -3],
  [-(2 ** 31), 2 ** 31 - 1, 0, 2 ** 31 - 1, -(2 ** 31)],
  [0, 0, 0, 0, 0],
];

/** numpy's rule: the first NaN, else the first of the extreme elements. */
function firstIndex(row: readonly number[], sign: 1 | -1): number {
  const none = row.findIndex(Number.isNaN);
  return none >= 0 ? none : row.findIndex((x) => row.every((other) => sign * x >= sign * other));
}

const columns = (rows: readonly number[][]) => rows[0].map((_, j) => rows.map((row) => row[j]));

function wanted(rows: readonly number[][]) {
  return {
    most: rows.map((row) => firstIndex(row, 1)),
    least: rows.map((row) => firstIndex(row, -1)),
    mostOfColumns: columns(rows).map((row) => firstIndex(row, 1)),
    leastOfColumns: columns(rows).map((row) => firstIndex(row, -1)),
    // Over the middle axis of [1, 3, 5], which stays.
    kept: columns(rows).map((row) => firstIndex(row, 1)),
  };
}

const model = btc.defineModel({
  name: 'm',
  inputs: { f: btc.tensor([3, 5]), i: btc.tensor([3, 5], 'i32') },
  build: (inputs) =>
    Object.fromEntries(
      Object.entries({ f: inputs.f, i: inputs.i }).flatMap(([name, x]) =>
        Object.entries({
          most: btc.argmax(x),
          least: btc.argmin(x, 1),
          mostOfColumns: btc.argmax(x, 0),
          leastOfColumns: btc.argmin(x, -2),
          kept: btc.argmax(btc.expandDims(x, 0), 1, { keepDims: true }),
        }).map(([what, y]) => [`${name}_${what}`, y]),
      ),
    ),
  programs: {
    marks: ({ f }) => ({ isNan: btc.isNan(f), max: btc.max(f, 1), pool: pooled(f) }),
  },
});

const pooled = (f: btc.Tensor) => btc.maxPool2d(btc.reshape(f, [1, 3, 5, 1]), [3, 1]);

const EXPECTED = Object.fromEntries(
  Object.entries({ f: FLOATS, i: INTEGERS }).flatMap(([name, rows]) =>
    Object.entries(wanted(rows)).map(([what, indices]) => [`${name}_${what}`, indices]),
  ),
);
const GIVEN = { f: FLOATS.flat(), i: INTEGERS.flat() };

const lists = (outputs: Readonly<Record<string, ArrayLike<number>>>) =>
  Object.fromEntries(Object.entries(outputs).map(([name, y]) => [name, Array.from(y)]));

describe('argmax and argmin give the first NaN, else the first of the extreme elements', () => {
  test('in the interpreter, as the graph and as kernels', () => {
    expect(lists(programOf(model, 'predict')(GIVEN, {}).outputs)).toEqual(EXPECTED);
  });

  test.each(['wasm', 'webgpu'] as const)('on %s', async (target) => {
    const { plan, module, parameters } = await compile(model, { target });
    const session = await openSession({ plan, module, parameters } as CompiledPlan);
    expect(lists(await session.run('predict', GIVEN))).toEqual(EXPECTED);
    const { isNan, max, pool } = await session.run('marks', { f: GIVEN.f });
    expect([...isNan]).toEqual(FLOATS.flat().map((x) => Number(Number.isNaN(x))));
    expect([...max]).toEqual([NONE, 0, NONE]);
    expect([...pool]).toEqual([NONE, NONE, 5, NONE, NONE]);
    session.destroy();
  });
});
