import { expect, test } from 'vitest';
import { compile, inspectPlan } from '../compiler/index.ts';
import resnet from '../examples/finetune/resnet.ts';
import { fineTune, TASKS } from '../examples/finetune/tasks.mjs';
import transformer from '../examples/finetune/transformer.ts';
import sensitivity from '../examples/sensitivity/model.ts';
import video from '../examples/video/model.ts';
import { load, type Session } from '../runtime/index.ts';
import { openSafetensors } from '../runtime/weights/index.ts';

// examples/digits and examples/rows are run in test/agreement.test.ts.

test('examples/video has the input matrix of the paper, and fits either target', async () => {
  for (const target of ['wasm', 'webgpu'] as const) {
    const { plan, diagnostics } = await compile(video, { target });
    expect(diagnostics).toEqual([]);
    const cores = plan!.tensors.filter(
      ({ name, role }) => role === 'parameter' && name.startsWith('reader.inputWeight'),
    );
    expect(cores.reduce((sum, { bytes }) => sum + bytes / 4, 0)).toBe(3392);
    expect(inspectPlan(plan!).memory.deviceBytes).toBeLessThan(100 * 2 ** 20);
  }
});

test('examples/sensitivity learns', async () => {
  const { plan, module, parameters } = await compile(sensitivity, { target: 'wasm' });
  const session = await load(plan!, { module: module!, parameters: parameters! });
  const x = Float32Array.from({ length: 4096 }, (_, k) => (k % 65 === 0 ? 1 : 0));
  const wanted = Float32Array.from(
    { length: 4096 },
    (_, k) => Math.sin(Math.floor(k / 64) / 9) * Math.cos((k % 64) / 7),
  );
  const losses: number[] = [];
  for (let step = 0; step < 200; step++)
    losses.push((await session.run('train', { x, wanted })).loss[0]);
  expect(losses[199]).toBeLessThan(losses[0] / 2);
  session.destroy();
});

const FINE_TUNED = [
  ['transformer', transformer, 60],
  ['resnet', resnet, 80],
] as const;

test.each(FINE_TUNED)(
  'examples/finetune/%s is loaded, trained on and given back',
  async (name, model, steps) => {
    const {
      publish,
      load: options,
      data,
    } = TASKS[name] as unknown as {
      publish: () => Uint8Array;
      load: { layout: 'pytorch' };
      data: () => Iterable<Record<string, Int32Array>>;
    };
    const { plan, module, parameters: initial } = await compile(model, { target: 'wasm' });
    const bytes = publish();
    const session: Session = await load(plan!, {
      ...{ module: module!, parameters: bytes, initial: initial! },
      ...options,
    });
    const published = await openSafetensors(bytes);
    const before = await openSafetensors(await session.saveParameters({ layout: 'pytorch' }));
    const kept = [...before.tensors.keys()].filter((tensor) => published.tensors.has(tensor));
    expect(kept).toHaveLength(new Set(kept).size);
    for (const tensor of kept)
      expect(await before.read(tensor), tensor).toEqual(await published.read(tensor));
    expect([...before.tensors.keys()].filter((tensor) => !kept.includes(tensor))).toEqual(
      name === 'resnet' ? ['head.weight', 'head.bias'] : [],
    );
    const losses: number[] = await fineTune(session, data, steps);
    expect(Math.max(...losses.slice(-5))).toBeLessThan(0.7 * losses[0]);
    const after = await openSafetensors(await session.saveParameters({ layout: 'pytorch' }));
    expect([...after.tensors.values()]).toEqual([...before.tensors.values()]);
    session.destroy();
  },
);
