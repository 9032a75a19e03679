import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import type { LoopNest } from '../../compiler/lower/loop-nest.ts';
import { pickTerms } from '../../compiler/lower/picked-terms.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import { builtOf, openSession } from '../support/agreement.ts';

// Sums over classes that count the class of a label alone: they read one term, and are the sums of all.

const [ROWS, CLASSES] = [37, 300];

/** What each row sums up: of logits x, labels and the number of each class. */
const SUMS = {
  label: (x: btc.Tensor, is: btc.Tensor) => btc.select(is, x, 0),
  'label among some': (x: btc.Tensor, is: btc.Tensor) =>
    btc.select(btc.logicalAnd(btc.greater(x, 0), is), x, 0),
  'value of a class': (x: btc.Tensor, is: btc.Tensor, own: btc.Tensor) =>
    btc.select(is, btc.mul(btc.exp(x), btc.cast(own, 'f32')), 0),
  'all but the label': (x: btc.Tensor, is: btc.Tensor) => btc.select(is, 0, x),
} as const;

const WITNESSES: Readonly<Record<keyof typeof SUMS, (row: number[], label: number) => number>> = {
  label: (row, label) => row[label] ?? 0,
  'label among some': (row, label) => Math.max(row[label] ?? 0, 0),
  'value of a class': (row, label) => Math.exp(row[label] ?? Number.NEGATIVE_INFINITY) * label,
  'all but the label': (row, label) =>
    row.reduce((sum, one, k) => (k === label ? sum : sum + one), 0),
};

describe.each(['wasm', 'webgpu'] as const)('on %s', (target) => {
  test.each(Object.keys(SUMS) as (keyof typeof SUMS)[])('%s', async (name) => {
    const made = await compile(
      () =>
        btc.defineModel({
          ...{
            name: 'm',
            inputs: { x: btc.tensor([ROWS, CLASSES]), label: btc.tensor([ROWS], 'i32') },
          },
          build: ({ x, label }) => {
            const own = btc.iota([ROWS, CLASSES], 1);
            const is = btc.equal(btc.broadcastTo(btc.expandDims(label, -1), [ROWS, CLASSES]), own);
            return { y: btc.sum(SUMS[name](x, is, own), -1), all: btc.sum(SUMS[name](x, is, own)) };
          },
        }),
      { target },
    );
    const session = await openSession(builtOf(made));
    const x = Float32Array.from({ length: ROWS * CLASSES }, (_, i) => 3 * Math.sin(i * i));
    // Some labels are no class.
    const label = Int32Array.from({ length: ROWS }, (_, r) =>
      r % 9 === 4 ? -1 - r : r % 9 === 5 ? CLASSES + r : (r * 41) % CLASSES,
    );
    const given = await session.run('predict', { x, label });
    await session.destroy();
    const wanted = Array.from(label, (own, r) =>
      WITNESSES[name]([...x.subarray(r * CLASSES, (r + 1) * CLASSES)], own),
    );
    const scale = Math.max(...wanted.map(Math.abs));
    wanted.forEach((value, r) => {
      expect(Math.abs((given.y as Float32Array)[r] - value)).toBeLessThan(2e-6 * scale);
    });
    const total = wanted.reduce((sum, one) => sum + one, 0);
    expect(Math.abs((given.all as Float32Array)[0] - total)).toBeLessThan(1e-5 * scale * ROWS);
    // One element of each row is read, not all of them.
    const bytes = made.plan!.programs.predict.steps.map(({ bytesMoved }) => bytesMoved);
    expect(Math.max(...bytes) >= 4 * ROWS * CLASSES).toBe(name === 'all but the label');
  });
});

/** Products of a row's terms and weights, over `axes`, of the class of the label alone. */
const productNest = (axes: string, terms: string): LoopNest => ({
  ...parseKernel(`kernel k {
  axis a0 parallel 4
  axis a1 reduced 10
${axes}  buffer b0 read i32 4
  buffer b1 read f32 200
  buffer b2 write f32 4
  n0: i32 = index a1
  n1: i32 = load b0[a0]
  n2: i32 = eq n0, n1
  n3: f32 = load b1[${terms}]
  n4: f32 = mul n3, n3
  n5: f32 = constant 0
  n6: f32 = select n2, n4, n5
  reduce sum n6
  n7: f32 = accumulator
  store b2[a0] = n7
}
`),
  ...{ ops: ['contract'], origins: [] },
});

test('multiply-adds are those of the terms that are read', () => {
  const one = pickTerms({ ...productNest('', '10*a0 + a1'), macs: 40 });
  expect([one.reductions.length, one.macs]).toEqual([0, undefined]);
  const some = pickTerms({
    ...productNest('  axis a2 reduced 5\n', '50*a0 + 5*a1 + a2'),
    macs: 200,
  });
  expect([some.reductions.length, some.macs]).toEqual([1, 20]);
});
