import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, defineModel, tensor } from '../../../compiler/index.ts';
import { load, type Session } from '../../../runtime/index.ts';
import { openSafetensors, type WeightsReader } from '../../../runtime/weights/index.ts';
import { testGpu } from '../../support/gpu.ts';
import { CASES } from './cases.ts';

const FILE = fileURLToPath(new URL('./layers.safetensors', import.meta.url));

let weights: WeightsReader;
beforeAll(async () => {
  weights = await openSafetensors(FILE);
});
afterAll(() => weights.close());

const NO_WEIGHTS = /num_batches_tracked$|\/attn\.bias$/;

/** The weights of a case under the names that PyTorch gives them. */
const ofCase = (name: string) => (full: string) =>
  full.startsWith(`${name}/weights/`) ? full.slice(`${name}/weights/`.length) : null;

async function opened(
  name: string,
  target: 'wasm' | 'webgpu',
  parameters: unknown = weights,
): Promise<Session> {
  const { dtype, shape } = weights.tensors.get(`${name}/input`)!;
  const model = defineModel({
    name: 'module',
    inputs: { x: tensor(shape, dtype === 'I64' ? 'i32' : 'f32') },
    build: ({ x }) => ({ y: CASES[name](x) }),
  });
  const { plan, module, diagnostics } = await compile(model, { target });
  expect(diagnostics).toEqual([]);
  const isOwn = parameters instanceof Uint8Array;
  const rename = isOwn ? {} : { rename: ofCase(name) };
  return load(plan!, {
    ...(module ? { module } : { gpu: await testGpu() }),
    ...{ parameters: parameters as WeightsReader, layout: 'pytorch', ...rename },
  });
}

describe('weights of PyTorch give what its module gives', () => {
  test('and every case of it is tried', () => {
    const cases = new Set([...weights.tensors.keys()].map((name) => name.split('/')[0]));
    expect([...cases].sort()).toEqual(Object.keys(CASES).sort());
  });

  /** Values go through another executor there, whatever the layer. */
  const ON_GPU = ['flat', 'gpt2', 'gru'].map((name) => [name, 'webgpu'] as const);

  test.each([...Object.keys(CASES).map((name) => [name, 'wasm'] as const), ...ON_GPU])(
    '%s on %s',
    async (name, target) => {
      const session = await opened(name, target);
      const { data: x } = await weights.read(`${name}/input`);
      const wanted = await weights.read(`${name}/output`);
      const { y } = await session.run('predict', { x });
      expect(y).toHaveLength(wanted.data.length);
      wanted.data.forEach((value, k) => {
        expect(Math.abs(y[k] - value), `[${k}]: ${y[k]}, not ${value}`).toBeLessThan(1e-5);
      });
      const counts = [...weights.tensors.keys()].filter(
        (full) => ofCase(name)(full) && NO_WEIGHTS.test(full),
      );
      expect(session.restored.ignored).toEqual(expect.arrayContaining(counts));
      expect(session.restored.initial).toEqual([]);
      session.destroy();
    },
  );
});

describe('what is saved in the layout of PyTorch', () => {
  /** Of biases that act as their sum, the sum is written. */
  const SUMMED = /bias_[ih]h_l\d(?:_reverse)?$/;

  test.each(Object.keys(CASES))('of %s is what was loaded', async (name) => {
    const session = await opened(name, 'wasm');
    const bytes = await session.saveParameters({ layout: 'pytorch' });
    const saved = await openSafetensors(bytes);
    expect(saved.metadata.get('format')).toBe('pt');
    const names = [...weights.tensors.keys()].filter(
      (full) => ofCase(name)(full) && !NO_WEIGHTS.test(full),
    );
    expect([...saved.tensors.keys()].sort()).toEqual(names.toSorted());
    for (const full of names) {
      const [given, wanted] = [await saved.read(full), await weights.read(full)];
      expect(given.shape, full).toEqual(wanted.shape);
      if (/gru/i.test(name) || !SUMMED.test(full)) expect(given.data, full).toEqual(wanted.data);
    }
    const again = await opened(name, 'wasm', saved);
    expect(await again.readParameters()).toEqual(await session.readParameters());
    expect(await again.saveParameters({ layout: 'pytorch' })).toEqual(bytes);
    session.destroy();
    again.destroy();
  });

  test.each(Object.keys(CASES))(
    'of %s loads to the bit under the names of its modules',
    async (name) => {
      const session = await opened(name, 'wasm');
      const rename = (full: string) => full;
      const bytes = await session.saveParameters({ layout: 'pytorch', rename });
      const saved = await openSafetensors(bytes);
      if (!OTHER_FORMS.includes(name))
        for (const full of saved.tensors.keys())
          expect(weights.tensors.has(`${name}/weights/${full}`), full).toBe(true);
      const again = await opened(name, 'wasm', bytes);
      expect(await again.readParameters()).toEqual(await session.readParameters());
      session.destroy();
      again.destroy();
    },
  );

  /** Of which the names are not those of PyTorch's own modules. */
  const OTHER_FORMS = ['gpt2', 'nanogpt', 'grouped', 'neox', 'falcon', 'sharedKey'];
});
