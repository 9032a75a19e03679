import { expect, test } from 'vitest';
import { compile, inspectPlan } from '../compiler/index.ts';
import sensitivity from '../examples/sensitivity/model.ts';
import video from '../examples/video/model.ts';
import { load } from '../runtime/index.ts';

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
