import { describe, expect, test } from 'vitest';
import {
  adam,
  compile,
  convolution,
  convolution1d,
  convolution3d,
  defineModel,
  embedding,
  type LoraOptions,
  linear,
  lora,
  type Model,
  mergedWeights,
  sgd,
  type Tensor,
  tensor,
  transposedConvolution,
} from '../../compiler/index.ts';
import { encodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type LoadOptions, load, type Session } from '../../runtime/index.ts';
import { openSafetensors } from '../../runtime/weights/index.ts';
import cases from './peft/values.json' with { type: 'json' };

// Adapters of convolutions and embeddings against PEFT's formulas in PyTorch, in its names and layouts.

interface Listed {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** Axes in another order: of the result the k-th is the given one's `order[k]`-th. */
function transposed({ shape, data }: Listed, order: readonly number[]): Listed {
  const made = order.map((axis) => shape[axis]);
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  return {
    shape: made,
    data: Array.from({ length: data.length }, (_, k) => {
      let [rest, at] = [k, 0];
      for (let axis = made.length - 1; axis >= 0; axis--) {
        at += (rest % made[axis]) * strides[order[axis]];
        rest = Math.floor(rest / made[axis]);
      }
      return data[at];
    }),
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, k) => from + k);
/** [batch, channels, …] as [batch, …, channels]. */
const channelsLast = (x: Listed) => transposed(x, [0, ...range(2, x.shape.length), 1]);
/** [out, in, …] as […, in, out]. */
const kernelHere = (x: Listed) => transposed(x, [...range(2, x.shape.length), 1, 0]);

const LAYERS: Readonly<Record<keyof typeof cases, () => (x: Tensor) => Tensor>> = {
  convolution: () =>
    convolution(3, 4, { kernel: [3, 2], stride: 2, padding: [1, 0], name: 'body' }),
  dilated: () => convolution(3, 4, { kernel: 2, dilation: 2, name: 'body' }),
  pointwise: () => convolution(3, 4, { kernel: 1, name: 'body' }),
  convolution1d: () => convolution1d(3, 4, { kernel: 3, padding: 1, name: 'body' }),
  convolution3d: () => convolution3d(3, 4, { kernel: [2, 1, 2], name: 'body' }),
  embedding: () => embedding(7, 4, { name: 'body' }),
};
const OPTIONS: LoraOptions = { rank: 2, alpha: 3 };

async function sessionOf(model: Model, options: Partial<LoadOptions> = {}): Promise<Session> {
  const { plan, module, parameters, diagnostics } = await compile(model, { target: 'wasm' });
  expect(diagnostics).toEqual([]);
  return load(plan!, { module: module!, parameters: parameters!, ...options } as LoadOptions);
}

function expectClose(given: ArrayLike<number>, wanted: readonly number[], what: string) {
  expect(given.length, what).toBe(wanted.length);
  const scale = Math.max(...wanted.map(Math.abs));
  wanted.forEach((value, k) => {
    expect(Math.abs(given[k] - value), `${what}[${k}]`).toBeLessThan(1e-5 * scale);
  });
}

describe.each(Object.keys(LAYERS) as (keyof typeof cases)[])('%s', (name) => {
  const { x, weights, y, gradients, merged } = cases[name] as {
    readonly x: Listed;
    readonly weights: Readonly<Record<string, Listed>>;
    readonly y: Listed;
    readonly gradients: Readonly<Record<string, Listed>>;
    readonly merged: Listed;
  };
  const isTable = name === 'embedding';
  const input = isTable ? x : channelsLast(x);
  const model = (options: LoraOptions | null = OPTIONS) => {
    const plain = LAYERS[name]();
    const layer = options ? lora(plain, options) : plain;
    const build = (given: Tensor) => layer(given);
    return defineModel({
      name: 'peft',
      inputs: { x: tensor(input.shape, isTable ? 'i32' : 'f32') },
      build: (inputs) => ({ y: build(inputs.x) }),
      train: {
        loss: (out) => out.y.square().sum(),
        optimizer: options ? adam({ learningRate: 0.02 }) : sgd(),
        exchange: true,
      },
      ...(options ? { programs: { merge: (inputs) => mergedWeights(() => build(inputs.x)) } } : {}),
    });
  };
  const file = encodeSafetensors(
    Object.entries(weights).map(([weight, { shape, data }]) => [
      `body.${weight}`,
      { dtype: 'f32', shape, data: Float32Array.from(data) },
    ]),
  );
  const given = { x: isTable ? Int32Array.from(input.data) : Float32Array.from(input.data) };
  const foreign = { parameters: file, layout: 'pytorch' } as const;

  test('has the results, gradients and merged weights of PyTorch', async () => {
    const session = await sessionOf(model(), foreign);
    const predicted = await session.run('predict', given);
    expectClose(predicted.y, (isTable ? y : channelsLast(y)).data, 'y');
    const made = await session.run('gradients', given);
    for (const [weight, gradient] of Object.entries(gradients)) {
      const here = isTable ? transposed(gradient, [1, 0]) : kernelHere(gradient);
      expectClose(made[`body.${weight}.gradient`], here.data, weight);
    }
    const names = Object.keys(made).filter((output) => output.endsWith('.gradient'));
    expect(names).toHaveLength(2);
    const whole = await session.run('merge');
    expect(Object.keys(whole)).toEqual(['body.weight']);
    expectClose(whole['body.weight'], (isTable ? merged : kernelHere(merged)).data, 'merged');

    // A layer without the adapter takes them.
    const plain = await sessionOf(model(null));
    await plain.writeParameters(whole);
    const others = await session.readParameters();
    if (others['body.bias']) await plain.writeParameters({ 'body.bias': others['body.bias'] });
    expectClose(
      (await plain.run('predict', given)).y,
      (isTable ? y : channelsLast(y)).data,
      'y of the merged',
    );
  });

  test('starts at nothing, and saves adapters alone as PEFT does', async () => {
    const session = await sessionOf(model());
    const base = await session.readParameters();
    const plain = await sessionOf(model(null));
    await plain.writeParameters(
      Object.fromEntries(Object.entries(base).filter(([one]) => !one.includes('lora'))),
    );
    expect(await session.run('predict', given)).toEqual(await plain.run('predict', given));
    await session.run('train', given);
    const bytes = await session.saveParameters({
      layout: 'pytorch',
      rename: (one) => (one.includes('lora_') ? `base_model.model.${one}` : null),
    });
    const { tensors } = await openSafetensors(bytes);
    const shapes = Object.fromEntries([...tensors].map(([one, { shape }]) => [one, shape]));
    expect(shapes).toEqual(
      Object.fromEntries(
        Object.entries(gradients).map(([one, { shape }]) => [
          `base_model.model.body.${one}`,
          shape,
        ]),
      ),
    );
    const initial = (await compile(model(), { target: 'wasm' })).parameters!;
    const other = await sessionOf(model(), {
      ...{ parameters: bytes, layout: 'pytorch', missing: 'initial', initial },
      rename: [[/^base_model\.model\./, '']],
    });
    const [wanted, found] = [await session.readParameters(), await other.readParameters()];
    expect(found).toEqual(wanted);
  });

  test.each(['f16', 'int8'] as const)(
    'learns over weights that are held as %s',
    async (storage) => {
      const session = await sessionOf(model({ ...OPTIONS, storage }), foreign);
      const held = session.plan.tensors.find((one) => one.name === 'body.weight')!;
      expect(held.dtype).toBe({ f16: 'f16', int8: 'i8' }[storage]);
      // What is held is near to what was given, and is what is computed with.
      const values = await session.readParameters();
      const full = await sessionOf(model(), foreign);
      await full.writeParameters(values);
      expectClose(
        (await session.run('predict', given)).y,
        Array.from((await full.run('predict', given)).y),
        'y',
      );
      const losses: number[] = [];
      for (let step = 0; step < 30; step++)
        losses.push((await session.run('train', given)).loss[0]);
      expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]);
      const after = await session.readParameters();
      for (const [one, value] of Object.entries(values))
        if (one.includes('lora')) expect(after[one], one).not.toEqual(value);
        else expect(after[one], one).toEqual(value);
      const { 'body.weight': whole } = await session.run('merge');
      const difference = whole.map((value, k) => value - values['body.weight'][k]);
      expect(Math.max(...difference.map(Math.abs))).toBeGreaterThan(0.1);
    },
  );
});

describe('what is adapted of a network', () => {
  const network = (options: LoraOptions) => {
    const words = embedding(9, 8, { name: 'words' });
    const wide = convolution1d(8, 8, { kernel: 3, padding: 1, name: 'wide' });
    const grouped = convolution1d(8, 8, { kernel: 3, padding: 1, groups: 4, name: 'grouped' });
    const out = linear(8, 2, { name: 'out' });
    const up = transposedConvolution(8, 8, { kernel: 2, name: 'up' });
    const body = lora((x: Tensor) => {
      const y = grouped(wide(words(x)));
      return out(up(y.reshape([2, 1, 5, 8])));
    }, options);
    return defineModel({
      name: 'mixed',
      inputs: { x: tensor([2, 5], 'i32') },
      build: ({ x }) => ({ y: body(x) }),
      train: { loss: ({ y }) => y.square().mean(), optimizer: adam() },
    });
  };
  const adapted = async (options: LoraOptions) => {
    const { plan, diagnostics } = await compile(network(options), { target: 'wasm' });
    const names = plan?.tensors.flatMap(({ name, role }) =>
      role === 'parameter' ? [name.replace(/\.lora.*/, '')] : [],
    );
    return plan ? [...new Set(names)].sort() : diagnostics.map(({ code }) => code);
  };

  test.each<[string, LoraOptions, readonly string[]]>([
    ['by default not tables', { rank: 2 }, ['out', 'wide']],
    ['tables where they are targets', { rank: 2, targets: /words|out/ }, ['out', 'words']],
    ['by shape', { rank: 2, targets: (_, shape) => shape.length === 3 }, ['wide']],
    ['grouped and transposed ones not', { rank: 2, targets: /grouped|up/ }, ['BTC3006']],
  ])('%s', async (_, options, wanted) => {
    expect(await adapted(options)).toEqual(wanted);
  });

  test('an adapter of another rank in one program is a mistake', async () => {
    for (const layer of [
      embedding(5, 4, { name: 'one' }),
      convolution1d(1, 2, { kernel: 1, name: 'one' }),
    ]) {
      const isTable = 'vocabulary' in layer;
      const model = defineModel({
        name: 'two',
        inputs: { x: isTable ? tensor([3], 'i32') : tensor([3, 2, 1]) },
        build: ({ x }) => ({
          y: lora(layer, { rank: 1 })(x).add(lora(layer, { rank: 2 })(x)),
        }),
      });
      const { diagnostics } = await compile(model, { target: 'wasm' });
      expect(diagnostics.map(({ code }) => code)).toEqual(['BTC1007']);
    }
  });
});
