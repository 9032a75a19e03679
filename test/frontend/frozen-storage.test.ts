import { describe, expect, test } from 'vitest';
import {
  adam,
  type CompileOptions,
  compile,
  convolution,
  defineModel,
  embedding,
  frozen,
  init,
  linear,
  lora,
  param,
  sgd,
  type Tensor,
  tensor,
} from '../../compiler/index.ts';
import { roundToHalf } from '../../ir/half.ts';
import { load, type Session } from '../../runtime/index.ts';
import { testDevice } from '../support/gpu.ts';

type Storage = 'f32' | 'f16' | 'int8';

/** A frozen layer with an odd number of weights, and a trained one behind it. */
const model = (storage: Storage) => {
  const base = linear(3, 7, { name: 'base' });
  const head = linear(7, 2, { name: 'head' });
  return defineModel({
    name: 'tuned',
    inputs: { x: tensor([4, 3]), y: tensor([4, 2]) },
    build: ({ x }) => ({ y: head(frozen(base, { storage })(x).tanh()) }),
    train: { loss: (out, { y }) => out.y.sub(y).square().mean(), optimizer: adam() },
  });
};

async function sessionOf(storage: Storage, options: CompileOptions = {}): Promise<Session> {
  const { plan, module, parameters, diagnostics } = await compile(model(storage), {
    ...{ target: 'wasm', ...options },
  });
  expect(diagnostics).toEqual([]);
  const device = options.target === 'webgpu' ? { device: await testDevice() } : {};
  return load(plan!, { ...(module ? { module } : {}), parameters: parameters!, ...device });
}

const numbers = (count: number) => Float32Array.from({ length: count }, (_, k) => Math.sin(k + 1));
const given = { x: numbers(12), y: numbers(8) };

describe.each<CompileOptions>([
  { target: 'wasm' },
  { target: 'wasm', precision: 'f16' },
  { target: 'wasm', budgetBytes: 2 ** 20, swap: 'auto' },
])('frozen weights as halves, %j', (options) => {
  test('are the nearest ones, take half of the bytes and train as they are', async () => {
    const whole = await sessionOf('f32', options);
    const halves = await sessionOf('f16', options);
    const bytes = (session: Session, name: string) =>
      session.plan.tensors.find((one) => one.name === name)!.bytes;
    expect(bytes(halves, 'base.weight')).toBe(44);
    expect(bytes(whole, 'base.weight')).toBe(84);
    const first = await whole.readParameters();
    const rounded = Object.fromEntries(
      Object.entries(first).map(([name, values]) => [
        name,
        name === 'base.weight' ? values.map(roundToHalf) : values,
      ]),
    );
    expect(await halves.readParameters()).toEqual(rounded);
    await whole.writeParameters(rounded);
    for (let step = 0; step < 3; step++) {
      const [a, b] = [await whole.run('train', given), await halves.run('train', given)];
      expect(b.loss[0]).toBeCloseTo(a.loss[0], 5);
    }
    const [a, b] = [await whole.readParameters(), await halves.readParameters()];
    expect(b['base.weight']).toEqual(a['base.weight']);
    b['head.weight'].forEach((value, k) => {
      expect(value).toBeCloseTo(a['head.weight'][k], 5);
    });
  });

  test('come back from checkpoints and files of parameters', async () => {
    const session = await sessionOf('f16', options);
    const other = await sessionOf('f16', options);
    await session.writeParameters({ 'base.weight': numbers(21) });
    await other.loadCheckpoint(await session.saveCheckpoint());
    expect(await other.readParameters()).toEqual(await session.readParameters());
    expect((await other.readParameters())['base.weight']).toEqual(numbers(21).map(roundToHalf));
  });
});

describe.each<CompileOptions>([
  { target: 'wasm' },
  { target: 'wasm', precision: 'f16' },
  { target: 'wasm', budgetBytes: 2 ** 20, swap: 'auto' },
  { target: 'webgpu' },
])('frozen weights as bytes, %j', (options) => {
  test('are steps of their column, take a quarter of the bytes and train as they are', async () => {
    const whole = await sessionOf('f32', options);
    const bytes = await sessionOf('int8', options);
    const held = bytes.plan.tensors.filter(({ name }) => name.startsWith('base.weight'));
    expect(held.map(({ name, dtype, bytes }) => [name, dtype, bytes])).toEqual([
      ['base.weight', 'i8', 24],
      ['base.weight.scale', 'f32', 28],
    ]);
    const first = await whole.readParameters();
    const near = await bytes.readParameters();
    expect(Object.keys(near)).toEqual(Object.keys(first));
    for (let column = 0; column < 7; column++) {
      const rows = [0, 1, 2].map((row) => 7 * row + column);
      const most = Math.max(...rows.map((k) => Math.abs(first['base.weight'][k])));
      for (const k of rows)
        expect(Math.abs(near['base.weight'][k] - first['base.weight'][k])).toBeLessThan(
          (most / 127) * 0.501,
        );
    }
    await whole.writeParameters(near);
    for (let step = 0; step < 3; step++) {
      const [a, b] = [await whole.run('train', given), await bytes.run('train', given)];
      expect(b.loss[0]).toBeCloseTo(a.loss[0], options.precision ? 3 : 5);
    }
    const [a, b] = [await whole.readParameters(), await bytes.readParameters()];
    expect(b['base.weight']).toEqual(near['base.weight']);
    b['head.weight'].forEach((value, k) => {
      expect(value).toBeCloseTo(a['head.weight'][k], options.precision ? 3 : 5);
    });
  });

  test('come back bit for bit from checkpoints, files of parameters and writes', async () => {
    const session = await sessionOf('int8', options);
    const other = await sessionOf('int8', options);
    const weight = numbers(21).map((value, k) => (k % 7 === 3 ? 0 : value * 10 ** (k % 7)));
    await session.writeParameters({ 'base.weight': weight });
    const held = await session.readParameters();
    expect(held['base.weight'].every((value, k) => k % 7 !== 3 || value === 0)).toBe(true);
    await other.loadCheckpoint(await session.saveCheckpoint());
    expect(await other.readParameters()).toEqual(held);
    await other.writeParameters(held);
    expect(await other.readParameters()).toEqual(held);
  });
});

test('frozen bytes that wait on the host are swapped in as they are', async () => {
  const layers = [0, 1, 2].map((k) => linear(64, 64, { name: `layer${k}`, bias: false }));
  const deep = defineModel({
    name: 'deep',
    inputs: { x: tensor([2, 64]), y: tensor([2, 64]) },
    build: ({ x }) => ({
      y: layers
        .reduce((h, one) => frozen(one, { storage: 'int8' })(h).tanh(), x)
        .mul(param('gain', [64], init.ones)),
    }),
    train: { loss: (out, { y }) => out.y.sub(y).square().mean(), optimizer: sgd() },
  });
  const made = async (options: CompileOptions) => {
    const result = await compile(deep, { target: 'webgpu', ...options });
    expect(result.diagnostics).toEqual([]);
    return { ...result, plan: result.plan! };
  };
  const free = await made({});
  const budgetBytes = free.plan.memory.deviceBytes - 4000;
  const within = await made({ budgetBytes, recompute: 'none' });
  expect(within.plan.tensors.some(({ dtype, copyOf }) => dtype === 'i8' && copyOf)).toBe(true);
  const given = { x: numbers(128), y: numbers(128) };
  const [whole, swapped] = await Promise.all(
    [free, within].map(async ({ plan, parameters }) =>
      load(plan, { device: await testDevice(), parameters: parameters! }),
    ),
  );
  for (let step = 0; step < 3; step++)
    expect(await swapped.run('train', given)).toEqual(await whole.run('train', given));
  expect(await swapped.readParameters()).toEqual(await whole.readParameters());
  await whole.loadCheckpoint(await swapped.saveCheckpoint());
  expect(await swapped.readParameters()).toEqual(await whole.readParameters());
});

/** Products of sizes that tiles divide and of others, forwards and backwards, rows of a table, and a kernel of a convolution. */
describe.each(['wasm', 'webgpu'] as const)('layers over frozen bytes on %s', (target) => {
  const layers = (storage: Storage) => {
    const wide = linear(64, 96, { name: 'wide' });
    const odd = linear(96, 33, { name: 'odd' });
    const conv = convolution(33, 20, { name: 'conv', kernel: [1, 3], padding: 'same' });
    const words = embedding(40, 64, { name: 'words' });
    const held = frozen(
      (index: Tensor, x: Tensor) => {
        const rows = words(index).add(x);
        const y = odd(wide(rows).relu());
        return conv(y.reshape([4, 1, 8, 33])).reshape([32, 20]);
      },
      { storage },
    );
    return defineModel({
      name: 'held',
      inputs: { index: tensor([32], 'i32') },
      build: ({ index }) => ({ y: held(index, param('x', [32, 64], init.normal(1))) }),
      train: { loss: ({ y }) => y.square().mean(), optimizer: sgd({ learningRate: 1 }) },
    });
  };

  test('compute what they do over what the bytes stand for', async () => {
    const sessions = [];
    for (const [storage, on] of [
      // A witness that is always the same.
      ['f32', 'wasm'],
      ['int8', target],
    ] as const) {
      const { plan, module, parameters } = await compile(layers(storage), { target: on });
      const device = on === 'webgpu' ? { device: await testDevice() } : {};
      const options = { ...(module ? { module } : {}), parameters: parameters!, ...device };
      sessions.push(await load(plan!, options));
    }
    const [whole, bytes] = sessions;
    await whole.writeParameters(await bytes.readParameters());
    const index = Int32Array.from({ length: 32 }, (_, k) => (7 * k) % 40);
    for (let step = 0; step < 2; step++) {
      const [a, b] = [await whole.run('train', { index }), await bytes.run('train', { index })];
      expect(b.loss[0] / a.loss[0]).toBeCloseTo(1, 5);
    }
    const [a, b] = [await whole.run('predict', { index }), await bytes.run('predict', { index })];
    a.y.forEach((value, k) => {
      expect(b.y[k]).toBeCloseTo(value, 4);
    });
    const [x, moved] = [await whole.readParameters(), await bytes.readParameters()];
    x.x.forEach((value, k) => {
      expect(moved.x[k]).toBeCloseTo(value, 5);
    });
  });
});

test('one layer is held in one way', async () => {
  const layer = linear(3, 2, { name: 'layer' });
  const [halves, bytes] = (['f16', 'int8'] as const).map((storage) => frozen(layer, { storage }));
  const codes = async (definition: object) => {
    const model = defineModel({ name: 'm', inputs: { x: tensor([4, 3]) }, ...definition } as never);
    return (await compile(model, { target: 'wasm' })).diagnostics.map(({ code }) => code);
  };
  const train = { loss: ({ y }: { y: Tensor }) => y.mean(), optimizer: adam() };
  const build = ({ x }: { x: Tensor }) => ({ y: layer(x) });
  expect(
    await codes({ build: ({ x }: { x: Tensor }) => ({ y: halves(x).add(bytes(x)) }) }),
  ).toEqual(['BTC1007']);
  const programs = { other: ({ x }: { x: Tensor }) => ({ y: bytes(x) }) };
  expect(await codes({ build, train, programs })).toContain('BTC1007');
});

test('what halves and bytes cannot hold is refused by name', async () => {
  for (const [storage, value] of [
    ['f16', 1e5],
    ['int8', Number.POSITIVE_INFINITY],
  ] as const) {
    const session = await sessionOf(storage);
    const weight = new Float32Array(21).fill(value);
    await expect(session.writeParameters({ 'base.weight': weight })).rejects.toThrow(
      /'base.weight' has .* cannot hold/,
    );
  }
});

test('what is read of frozen bytes is never stored as f32', async () => {
  const wide = linear(256, 512, { name: 'wide' });
  const wider = linear(512, 256, { name: 'wider' });
  const body = (x: Tensor) => wider(wide(x).relu());
  for (const target of ['wasm', 'webgpu'] as const) {
    const { plan } = await compile(
      defineModel({
        name: 'bytes',
        inputs: { x: tensor([64, 256]) },
        build: ({ x }) => ({
          y: lora(body, { rank: 2, storage: 'int8' })(x.add(param('shift', [256], init.zeros))),
        }),
        train: { loss: ({ y }) => y.square().mean(), optimizer: adam() },
      }),
      { target },
    );
    const matrices = plan!.tensors.filter(({ shape }) => shape.join() === '256,512');
    expect(matrices.map(({ name }) => name)).toEqual(['wide.weight']);
  }
});
