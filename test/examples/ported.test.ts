import { describe, expect, test } from 'vitest';
import { givenOptions, withOptions } from '../../compiler/frontend/option.ts';
import { compile, defineModel, type Model } from '../../compiler/index.ts';
import { uniform } from '../../ir/random.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { load } from '../../runtime/index.ts';
import { programOf } from '../frontend/run-program.ts';
import { expectWitnessesToAgree } from '../support/agreement.ts';
import { importNetwork } from '../support/networks.ts';
import { randomInputs } from '../support/reference.ts';

// Programs that are no classifiers: two trainings that alternate, and tables of words.

const TINY = {
  dcgan: { batch: 3, image: 16, latent: 5, channels: 4 },
  word2vec: { batch: 6, vocabulary: 11, features: 4, negatives: 3 },
} as const;
type Name = keyof typeof TINY;

async function tiny(name: Name): Promise<Model> {
  const set = TINY[name];
  return (await withOptions(givenOptions(set), () => importNetwork(name))).result!;
}

describe('is trained alike by all witnesses', () => {
  test.each([
    // Without the levels between, of which a software GPU would compile many kernels.
    ['dcgan', { ...TINY.dcgan, image: 8 }],
    ['word2vec', TINY.word2vec],
  ] as const)('%s', (name, set) => expectWitnessesToAgree(() => importNetwork(name), 2, { set }));
});

describe('has the gradients of finite differences', () => {
  test.each([
    ['dcgan', 'discriminator'],
    ['dcgan', 'generator'],
    ['word2vec', null],
  ] as const)('%s %s', async (name, key) => {
    const { definition } = await tiny(name);
    const { train } = definition;
    const training = key === null ? train : (train as Record<string, typeof train>)[key];
    const model = defineModel({
      ...definition,
      train: { ...training, exchange: true } as typeof train,
    });
    const { plan, parameters } = await compile(model, { target: 'wasm' });
    const run = programOf(model, 'gradients');
    const given = randomInputs(plan!, 'gradients', { classes: 11, step: 0, seed: 3 });
    const inputs = Object.fromEntries(
      Object.entries(given).map(([input, data]) => [input, Float64Array.from(data)]),
    );
    // Wide enough that every gradient is well above rounding; variances stay positive.
    const values = Object.fromEntries(
      [...decodeSafetensors(parameters!).tensors].map(([parameter, { data }], stream) => [
        parameter,
        parameter.includes('running')
          ? Float64Array.from(data)
          : Float64Array.from(data, (_, k) => uniform(5, stream, k, 0) - 0.4),
      ]),
    );
    const { outputs } = run(inputs, values);
    const gradients = Object.entries(outputs).filter(([output]) => output.endsWith('.gradient'));
    const own = key === null ? /./ : new RegExp(`^${key}\\.`);
    expect(gradients.length).toBeGreaterThan(1);
    for (const [output, gradient] of gradients) {
      const parameter = output.slice(0, -'.gradient'.length);
      expect(parameter).toMatch(own);
      const { length } = values[parameter];
      for (const k of new Set([0, length >> 1].slice(name === 'dcgan' ? 1 : 0))) {
        const at = (step: number) => {
          const moved = values[parameter].with(k, values[parameter][k] + step);
          return run(inputs, { ...values, [parameter]: moved }).outputs.loss[0];
        };
        const slope = (at(1e-6) - at(-1e-6)) / 2e-6;
        expect(gradient[k], `${parameter}[${k}]`).toBeCloseTo(slope, 6);
      }
    }
  });
});

/** A session of the network with such options on wasm. */
async function sessionOf(name: Name, set: Record<string, number>) {
  const { plan, module, parameters } = await compile(() => importNetwork(name), {
    ...{ target: 'wasm', set },
  });
  return load(plan!, { module: module!, parameters: parameters! });
}

describe('learns', () => {
  test('dcgan: to tell made images, and then to make what is taken for real', async () => {
    const session = await sessionOf('dcgan', TINY.dcgan);
    // Real images are of one colour each.
    const { batch, image: side, latent } = TINY.dcgan;
    const given = (step: number) => ({
      noise: Float32Array.from(
        { length: batch * latent },
        (_, k) => 2 * uniform(1, 0, k, step) - 1,
      ),
      image: Float32Array.from({ length: batch * side ** 2 * 3 }, (_, k) => {
        const [image, colour] = [Math.floor(k / (side ** 2 * 3)), k % 3];
        return 2 * uniform(2, 0, 3 * image + colour, step) - 1;
      }),
    });
    const losses = async (program: string, steps: number) => {
      const made: number[] = [];
      for (let step = 0; step < steps; step++)
        made.push((await session.run(program, { ...given(step), learningRate: 2e-3 })).loss[0]);
      return made;
    };
    const mean = (list: readonly number[]) => list.reduce((a, b) => a + b) / list.length;
    const before = await session.readParameters();
    const telling = await losses('discriminator', 40);
    const between = await session.readParameters();
    expect(telling[0]).toBeCloseTo(2 * Math.log(2), 1);
    expect(mean(telling.slice(-5))).toBeLessThan(0.5);
    const making = await losses('generator', 40);
    expect(mean(making.slice(-5))).toBeLessThan(0.5 * making[0]);
    const after = await session.readParameters();
    const moved = (was: typeof before, is: typeof before) =>
      Object.keys(is).filter(
        (name) => !name.includes('running') && is[name].some((value, k) => value !== was[name][k]),
      );
    expect(moved(before, between).every((name) => name.startsWith('discriminator.'))).toBe(true);
    expect(moved(between, after).every((name) => name.startsWith('generator.'))).toBe(true);
    const { image } = await session.run('predict', { noise: given(0).noise });
    expect(image.every((value) => Math.abs(value) <= 1)).toBe(true);
  });

  test('word2vec: words that stand among the same neighbours become alike', async () => {
    const [vocabulary, features, size, negatives] = [20, 8, 32, 5];
    const session = await sessionOf('word2vec', { vocabulary, features, batch: size, negatives });
    // Even words stand among even ones, odd ones among odd ones.
    const index = (stream: number, k: number, step: number) =>
      Math.floor((vocabulary / 2) * uniform(stream, 0, k, step));
    const batch = (step: number) => {
      const word = Int32Array.from({ length: size }, (_, k) => 2 * index(1, k, step) + (k % 2));
      return {
        word,
        near: Int32Array.from({ length: size }, (_, k) => 2 * index(2, k, step) + (k % 2)),
        drawn: Int32Array.from({ length: size * negatives }, (_, k) =>
          Math.floor(vocabulary * uniform(3, 0, k, step)),
        ),
      };
    };
    const losses: number[] = [];
    for (let step = 0; step < 400; step++)
      losses.push((await session.run('train', { ...batch(step), learningRate: 0.05 })).loss[0]);
    expect(losses[0]).toBeCloseTo(size * (1 + negatives) * Math.log(2), 3);
    expect(Math.min(...losses.slice(-20))).toBeLessThan(0.9 * losses[0]);
    const word = Int32Array.from({ length: size }, (_, k) => k % vocabulary);
    const { similarity } = await session.run('predict', { word });
    const meanOf = (differs: number) => {
      let [sum, count] = [0, 0];
      for (let a = 0; a < vocabulary; a++)
        for (let b = 0; b < vocabulary; b++)
          if (a !== b && (a + b) % 2 === differs) {
            sum += similarity[a * vocabulary + b];
            count++;
          }
      return sum / count;
    };
    expect(meanOf(0)).toBeGreaterThan(0.5);
    expect(meanOf(1)).toBeLessThan(0.2);
  });
});
