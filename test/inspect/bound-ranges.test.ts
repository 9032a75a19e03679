import { expect, test } from 'vitest';
import { boundRanges, boundText } from '../../compiler/inspect/bound-ranges.ts';
import { inspectPlan } from '../../compiler/inspect/index.ts';
import { adamPlan } from '../view/recomputing-plan.ts';

test('what is bound is what the code declares, and fewer than there are tensors where neighbours go as one', async () => {
  const plan = await adamPlan();
  const found = plan.kernels.map((kernel) => {
    const { bindings, ranges } = boundRanges(kernel);
    const declared = new Set(kernel.wgsl!.match(/@group\(0\) @binding\(\d+\)/g));
    expect([kernel.name, ranges]).toEqual([kernel.name, declared.size]);
    expect(bindings).toBe(kernel.bindings.length);
    return { name: kernel.name, bindings, ranges };
  });
  expect(found.some(({ bindings, ranges }) => ranges < bindings)).toBe(true);
  const inspected = inspectPlan(plan).kernels;
  for (const one of found)
    expect(inspected.find(({ name }) => name === one.name)).toMatchObject(one);
  expect([boundText({ bindings: 4, ranges: 4 }), boundText({ bindings: 9, ranges: 7 })]).toEqual([
    '4',
    '9 in 7',
  ]);
});
