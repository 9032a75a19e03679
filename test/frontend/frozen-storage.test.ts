import { describe, expect, test } from 'vitest';
import {
  adam,
  type CompileOptions,
  compile,
  defineModel,
  frozen,
  linear,
  tensor,
} from '../../compiler/index.ts';
import { roundToHalf } from '../../ir/half.ts';
import { load, type Session } from '../../runtime/index.ts';
import { testDevice } from '../support/gpu.ts';

type Storage = 'f32' | 'f16';

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
