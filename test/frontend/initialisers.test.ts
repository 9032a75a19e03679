import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import { initialValues } from '../../compiler/frontend/initialisers.ts';
import * as btc from '../../compiler/language.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { soaked } from '../support/soak.ts';

const { init } = btc;

const [ROWS, COLUMNS] = [80, 120];
const COUNT = ROWS * COLUMNS;

const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length;
const centred = (x: readonly number[]) => {
  const middle = mean(x);
  return x.map((value) => value - middle);
};
const variance = (x: readonly number[]) => mean(centred(x).map((value) => value ** 2));
const kurtosis = (x: readonly number[]) =>
  mean(centred(x).map((value) => value ** 4)) / variance(x) ** 2;
const draw = (initialiser: btc.Initialiser, shape = [ROWS, COLUMNS], name = 'w', seed = 1) =>
  Array.from(initialValues(initialiser, name, shape, seed));

// Of the truncated normal law: 1 - 4·φ(2) / (2·Φ(2) - 1).
const TRUNCATED = 1 - (4 * Math.exp(-2)) / Math.sqrt(2 * Math.PI) / 0.9544997361036416;

describe('an initialiser', () => {
  it.each<[string, btc.Initialiser, { mean?: number; variance: number; kurtosis: number }]>([
    ['uniform', init.uniform(-1, 3), { mean: 1, variance: 16 / 12, kurtosis: 1.8 }],
    ['normal', init.normal(0.5), { variance: 0.25, kurtosis: 3 }],
    ['normal of deviation 1', init.normal(), { variance: 1, kurtosis: 3 }],
    ['truncatedNormal', init.truncatedNormal(2), { variance: 4 * TRUNCATED, kurtosis: 2.37 }],
    ['glorotUniform', init.glorotUniform, { variance: 2 / (ROWS + COLUMNS), kurtosis: 1.8 }],
    ['glorotNormal', init.glorotNormal, { variance: 2 / (ROWS + COLUMNS), kurtosis: 3 }],
    ['heUniform', init.heUniform, { variance: 2 / ROWS, kurtosis: 1.8 }],
    ['heNormal', init.heNormal, { variance: 2 / ROWS, kurtosis: 3 }],
    ['lecunUniform', init.lecunUniform, { variance: 1 / ROWS, kurtosis: 1.8 }],
    ['lecunNormal', init.lecunNormal, { variance: 1 / ROWS, kurtosis: 3 }],
  ])('%s has the mean, variance and shape of its law', (_, initialiser, law) => {
    const x = draw(initialiser);
    expect(x).toHaveLength(COUNT);
    // Four deviations of each estimate.
    const deviation = Math.sqrt(law.variance);
    expect(Math.abs(mean(x) - (law.mean ?? 0))).toBeLessThan((4 * deviation) / Math.sqrt(COUNT));
    const spread = Math.sqrt((law.kurtosis - 1) / COUNT);
    expect(Math.abs(variance(x) / law.variance - 1)).toBeLessThan(4 * spread);
    expect(Math.abs(kurtosis(x) - law.kurtosis)).toBeLessThan(0.2);
  });

  it('stays inside its bounds', () => {
    const uniform = draw(init.uniform(-1, 3));
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(-1);
    expect(Math.min(...uniform)).toBeLessThan(-0.99);
    expect(Math.max(...uniform)).toBeLessThan(3);
    expect(Math.max(...uniform)).toBeGreaterThan(2.99);
    const truncated = draw(init.truncatedNormal(2)).map(Math.abs);
    expect(Math.max(...truncated)).toBeLessThanOrEqual(4);
    // A value of exactly two deviations was cut off, and nearly none is.
    expect(truncated.filter((value) => value === 4)).toEqual([]);
  });

  it('fills with one number', () => {
    expect(draw(init.zeros, [2, 3])).toEqual([0, 0, 0, 0, 0, 0]);
    expect(draw(init.ones, [3])).toEqual([1, 1, 1]);
    expect(draw(init.constant(-2.5), [])).toEqual([-2.5]);
  });

  it('counts leading axes as a receptive field', () => {
    const window = [3, 5, ROWS, COLUMNS];
    expect(variance(draw(init.heNormal, window)) * 15 * ROWS).toBeCloseTo(2, 1);
    expect(variance(draw(init.glorotUniform, window)) * 15 * (ROWS + COLUMNS)).toBeCloseTo(2, 1);
    expect(variance(draw(init.lecunUniform, [COUNT])) * COUNT).toBeCloseTo(1, 1);
  });

  it('orthogonal has orthonormal rows or columns, whichever are fewer, times the gain', () => {
    const extent = fc.integer({ min: 1, max: 24 });
    fc.assert(
      fc.property(extent, extent, fc.constantFrom(1, 0.5, 3), (rows, columns, gain) => {
        const x = draw(init.orthogonal(gain), [rows, columns]);
        const at = (vector: number, k: number) =>
          rows <= columns ? x[vector * columns + k] : x[k * columns + vector];
        const [count, length] = rows <= columns ? [rows, columns] : [columns, rows];
        for (let a = 0; a < count; a++)
          for (let b = 0; b <= a; b++) {
            let product = 0;
            for (let k = 0; k < length; k++) product += at(a, k) * at(b, k);
            expect(product / gain ** 2).toBeCloseTo(a === b ? 1 : 0, 5);
          }
      }),
      soaked(60),
    );
  });

  it('orthogonal favours no direction', () => {
    const corners = Array.from({ length: 200 }, (_, seed) =>
      draw(init.orthogonal(), [3, 3], 'w', seed),
    );
    for (let k = 0; k < 9; k++) {
      const element = corners.map((x) => x[k]);
      // Uniform over the sphere: mean 0 and variance 1/3, each within four deviations of its estimate.
      expect(Math.abs(mean(element))).toBeLessThan(4 * Math.sqrt(1 / 3 / 200));
      expect(Math.abs(variance(element) - 1 / 3)).toBeLessThan(4 * Math.sqrt(0.0889 / 200));
    }
  });
});

const RANDOM: readonly btc.Initialiser[] = [
  init.uniform(-1, 1),
  init.normal(),
  init.truncatedNormal(),
  init.glorotUniform,
  init.orthogonal(),
];

describe('the values of a parameter', () => {
  const correlation = (a: readonly number[], b: readonly number[]) => {
    const [left, right] = [centred(a), centred(b)];
    return mean(left.map((x, k) => x * right[k])) / Math.sqrt(variance(a) * variance(b));
  };

  it('are the same for the same name and seed', () => {
    for (const initialiser of RANDOM)
      expect(draw(initialiser, [8, 8], 'a.weight', 7)).toEqual(
        draw(initialiser, [8, 8], 'a.weight', 7),
      );
  });

  it('have nothing to do with those of another name or seed', () => {
    for (const initialiser of RANDOM) {
      const x = draw(initialiser, [40, 40], 'a.weight', 7);
      for (const [name, seed] of [
        ['b.weight', 7],
        ['a.bias', 7],
        ['a.weight', 8],
      ] as const) {
        const other = draw(initialiser, [40, 40], name, seed);
        expect(Math.abs(correlation(x, other))).toBeLessThan(4 / 40);
      }
    }
  });

  it('have nothing to do with their neighbours', () => {
    for (const initialiser of RANDOM) {
      const x = draw(initialiser, [40, 40]);
      expect(Math.abs(correlation(x.slice(1), x.slice(0, -1)))).toBeLessThan(4 / 40);
    }
  });
});

describe('the parameters of a compiled model', () => {
  const valuesOf = async (model: btc.Model) => {
    const { parameters, diagnostics } = await compile(model);
    expect(diagnostics).toEqual([]);
    const { tensors } = decodeSafetensors(parameters!);
    return (name: string) => Array.from(tensors.get(name)?.data ?? []);
  };
  const compiled = (widths: readonly number[], seed = 0) =>
    valuesOf(
      btc.defineModel({
        name: 'm',
        seed,
        inputs: { x: btc.tensor([2, 4]), label: btc.tensor([2], 'i32') },
        build: ({ x }) => {
          const first = btc.linear(4, 6, { name: 'first', weightInit: init.heNormal })(x);
          const hidden = widths.reduce((y, width) => btc.linear(y.shape[1], width)(y), first);
          return { logits: btc.linear(hidden.shape[1], 3, { name: 'last' })(hidden) };
        },
        train: {
          loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
          optimizer: btc.adam(),
        },
      }),
    );

  it('come from the initialisers that the layers were given; the optimiser has none', async () => {
    const values = await compiled([5], 3);
    expect(values('first.weight')).toEqual(draw(init.heNormal, [4, 6], 'first.weight', 3));
    expect(values('last.weight')).toEqual(draw(init.glorotUniform, [5, 3], 'last.weight', 3));
    expect(values('first.bias')).toEqual([0, 0, 0, 0, 0, 0]);
    for (const state of ['m', 'v']) expect(values(`last.bias.${state}`)).toEqual([]);
  });

  it('come from the usual initialisers where a layer was given none', async () => {
    const values = await valuesOf(
      btc.defineModel({
        name: 'm',
        inputs: { i: btc.tensor([2, 3], 'i32') },
        build: ({ i }) => ({ y: btc.gru(4, 5)(btc.layerNorm(4)(btc.embedding(9, 4)(i))).outputs }),
      }),
    );
    const wanted: [string, btc.Initialiser, number[]][] = [
      ['embedding1.weight', init.normal(0.02), [9, 4]],
      ['layerNorm1.scale', init.ones, [4]],
      ['layerNorm1.shift', init.zeros, [4]],
      ['gru1.inputWeight', init.glorotUniform, [4, 15]],
      ['gru1.hiddenWeight', init.orthogonal(), [5, 15]],
      ['gru1.bias', init.zeros, [15]],
      ['gru1.hiddenBias', init.zeros, [15]],
    ];
    for (const [name, initialiser, shape] of wanted)
      expect(values(name), name).toEqual(draw(initialiser, shape, name, 0));
  });

  it('stay the same when another layer is added, and change with the seed', async () => {
    const [one, two, reseeded] = [
      await compiled([6]),
      await compiled([6, 6]),
      await compiled([6], 1),
    ];
    for (const name of ['first.weight', 'linear1.weight', 'last.weight']) {
      expect(two(name)).toEqual(one(name));
      expect(reseeded(name)).not.toEqual(one(name));
    }
  });
});
