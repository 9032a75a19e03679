import { describe, expect, test } from 'vitest';
import { compile, type Model, planModel } from '../../compiler/index.ts';
import { load } from '../../runtime/index.ts';

let imports = 0;
/** Options are read when the module is evaluated: each plan evaluates it anew. */
const source = async (): Promise<Model> => {
  const specifier = `../../examples/finetune/gpt.ts?${++imports}`;
  return (await import(specifier)).default;
};

const GPT2_SMALL = { length: 512, vocabulary: 50257, layers: 12, heads: 12, features: 768 };

describe('GPT-2 with adapters', () => {
  test('learns a text by its adapters alone', async () => {
    const { plan, module, parameters } = await compile(source, {
      target: 'wasm',
      set: { length: 16, features: 32 },
    });
    const session = await load(plan!, { module: module!, parameters: parameters! });
    const before = await session.readParameters();
    const tokens = Int32Array.from({ length: 16 }, (_, k) => (7 * k) % 64);
    const next = Int32Array.from(tokens, (token) => (token + 7) % 64);
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) {
      const given = { tokens, next, learningRate: 2e-2 };
      losses.push((await session.run('train', given)).loss[0]);
    }
    expect(losses.at(-1)).toBeLessThan(losses[0] - 0.3);
    for (const [name, values] of Object.entries(await session.readParameters()))
      if (name.includes('lora')) expect(values, name).not.toEqual(before[name]);
      else expect(values, name).toEqual(before[name]);
    session.destroy();
  });

  test('fits into 512 MiB at the size of GPT-2 small', async () => {
    const { plan, diagnostics } = await planModel(source, {
      ...{ target: 'webgpu', set: GPT2_SMALL, budgetBytes: 512 * 2 ** 20 },
    });
    expect(diagnostics).toEqual([]);
    expect(plan!.memory.deviceBytes).toBeLessThanOrEqual(512 * 2 ** 20);
    const bytes = (role: string) =>
      plan!.tensors
        .filter((tensor) => tensor.role === role)
        .reduce((sum, tensor) => sum + tensor.bytes, 0);
    // 124 million frozen weights as halves, against two factors of rank 8 for queries and values of twelve layers.
    expect(bytes('state') / 2 ** 20).toBeLessThan(240);
    expect(bytes('parameter')).toBe(12 * 2 * 2 * 8 * 768 * 4);
  });
});
