import { expect, test } from 'vitest';
import { compile, defineModel, einsum, tensor } from '../../compiler/index.ts';

// Two operands of 2 MiB and a result of 64 KiB: in sixteen parts, for a GPU, the results of these take 1 MiB.
const [terms, extent] = [4096, 128];
const model = defineModel({
  name: 'gram',
  inputs: { x: tensor([terms, extent]), y: tensor([terms, extent]) },
  build: ({ x, y }) => ({ product: einsum('tp,tq->pq', x, y) }),
});
const operands = 2 * 4 * terms * extent;
const target = 'webgpu';

test('a budget that parts of a reduction do not keep is kept with fewer of them', async () => {
  const free = (await compile(model, { target })).plan!;
  expect(free.graphActions).toBeUndefined();
  expect(free.memory.deviceBytes).toBeGreaterThan(1.1 * operands);
  const budgetBytes = Math.floor(1.1 * operands);
  const { plan, diagnostics } = await compile(model, { target, budgetBytes });
  expect(diagnostics).toEqual([]);
  expect(plan!.graphActions).toEqual(['fewer-parts']);
  expect(plan!.memory.deviceBytes).toBeLessThanOrEqual(budgetBytes);
  // It still runs in parts: the results of few take little.
  const held = plan!.tensors.filter(({ name }) => name.includes('.parts'));
  expect(held.map(({ bytes }) => bytes)).toEqual([expect.any(Number)]);
  expect(held[0].bytes).toBeLessThanOrEqual(operands / 16);
});
