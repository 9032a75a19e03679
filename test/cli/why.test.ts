import { beforeAll, describe, expect, test } from 'vitest';
import { formatInspection } from '../../compiler/cli/inspect.ts';
import { formatReason } from '../../compiler/cli/why.ts';
import {
  adam,
  compile,
  crossEntropy,
  defineModel,
  inspectPlan,
  linear,
  tanh,
  tensor,
} from '../../compiler/index.ts';
import { inspectValues } from '../../compiler/inspect/values.ts';
import { findTensor, nearNames, whyTensor } from '../../compiler/inspect/why.ts';
import type { RecomputeStrategy, SwapPolicy } from '../../compiler/plan-search/index.ts';
import type { Plan } from '../../ir/plan.ts';

const model = defineModel({
  name: 'deep',
  inputs: { x: tensor([256, 16]), label: tensor([256], 'i32') },
  build: ({ x }) => {
    const layers = Array.from({ length: 6 }, (_, i) => linear(16, 16, { name: `layer${i}` }));
    return { logits: layers.reduce((value, layer) => tanh(layer(value)), x) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 1e-3 }),
  },
});

async function planWithin(
  part: number,
  actions: { recompute?: RecomputeStrategy; swap?: SwapPolicy },
): Promise<Plan> {
  const { plan } = await compile(model, { target: 'webgpu' });
  const { deviceBytes } = plan!.memory;
  if (part === 1) return plan!;
  const budgetBytes = Math.floor(part * deviceBytes);
  const tight = await compile(model, { target: 'webgpu', budgetBytes, ...actions });
  expect(tight.diagnostics).toEqual([]);
  return tight.plan!;
}

let plain: Plan;
let swapping: Plan;
let recomputing: Plan;
beforeAll(async () => {
  plain = await planWithin(1, {});
  swapping = await planWithin(0.8, { recompute: 'none' });
  recomputing = await planWithin(0.85, { swap: 'none' });
});

describe('memory actions', () => {
  test('without a budget nothing is given up', () => {
    for (const { actions, roomBytes } of inspectPlan(plain).programs) {
      expect(actions.values).toEqual([]);
      expect(actions.swap.transfers + actions.recompute.steps).toBe(0);
      expect(roomBytes).toBeNull();
    }
    expect(formatInspection(plain, 80, false)).not.toMatch(/for less memory|budget\n/);
  });

  test('are counted with what they take, and add up to what the plan says', () => {
    for (const plan of [swapping, recomputing]) {
      const train = inspectPlan(plan).programs.find(({ name }) => name === 'train')!;
      const { values, recompute, swap } = train.actions;
      const { predicted, steps } = plan.programs['train'];
      expect(recompute.steps).toBe(steps.filter(({ recomputed }) => recomputed).length);
      expect(recompute.seconds).toBe(predicted!.recomputeSeconds);
      const sum = (of: (value: (typeof values)[number]) => number) =>
        values.reduce((total, value) => total + of(value), 0);
      expect(sum(({ outBytes }) => outBytes)).toBe(swap.outBytes);
      expect(sum(({ inBytes }) => inBytes)).toBe(swap.inBytes);
      expect(sum(({ swapSeconds }) => swapSeconds!)).toBeCloseTo(swap.seconds!, 9);
      expect(values.length).toBeGreaterThan(0);
      expect(train.roomBytes).toBeGreaterThanOrEqual(Math.max(...train.liveBytes));
    }
    expect(swapping.programs['train'].transfers!.length).toBeGreaterThan(0);
    expect(recomputing.programs['train'].steps.some(({ recomputed }) => recomputed)).toBe(true);
  });

  test('values are absent between their lives, and their bytes are what the others gain', () => {
    for (const plan of [plain, swapping, recomputing]) {
      for (const { lives, actions, savedByteSteps, bytes, tensor } of inspectValues(
        plan,
        'train',
      )) {
        const gaps = lives
          .slice(1)
          .map(({ firstStep }, i) => Math.max(0, firstStep - lives[i].lastStep - 1));
        const absent = gaps.reduce((total, gap) => total + gap, 0);
        if (plan.tensors[tensor].policy !== 'host') {
          expect(savedByteSteps).toBe(bytes * absent);
          expect(lives[0].by).toBe('first');
        }
        expect(actions.length > 0).toBe(lives.some(({ by }) => by !== 'first'));
      }
    }
  });

  test('show as text, under the line of the budget', () => {
    const swapped = formatInspection(swapping, 100, false);
    expect(swapped).toMatch(/predicted: .* per run, of that .* swapping, .* inputs and outputs/);
    expect(swapped).toMatch(/─+\S* budget\n/);
    expect(swapped).toMatch(/for less memory: \d+ transfers, [\d.]+ KiB out and [\d.]+ KiB in, /);
    expect(swapped).toMatch(
      / {2}[\d.]+ KiB {2}\S+ +swapped +steps \d+ to \d+, .* saves \d+ steps +takes /,
    );
    const recomputed = formatInspection(recomputing, 100, false);
    expect(recomputed).toMatch(/for less memory: \d+ of \d+ steps recomputed, /);
    expect(recomputed).toMatch(/ recomputed +steps \d+ to \d+, /);
  });
});

describe('why', () => {
  const why = (plan: Plan, name: string) => {
    const index = findTensor(plan, name);
    expect(index).toBeGreaterThanOrEqual(0);
    return whyTensor(plan, index);
  };

  test('of what is swapped or recomputed: how, what it costs and saves, whether it binds', () => {
    for (const [plan, way] of [
      [swapping, 'swapped'],
      [recomputing, 'recomputed'],
    ] as const) {
      const copy = plan.tensors.find(({ copyOf, role }) => copyOf && role === 'activation')!;
      const reason = why(plan, copy.name);
      expect(['evicted', 'host']).toContain(reason.fate);
      const text = formatReason(plan, reason);
      expect(text).toMatch(way === 'swapped' ? /swapped in from the host/ : /: recomputed \(/);
      expect(text).toMatch(/ {2}saves [\d.]+ Ki?B in \d+ of \d+ steps \(/);
      expect(text).toMatch(/ {2}costs /);
      expect(text).toMatch(/(does not bind: .*|binds: it is )live at the peak/);
    }
  });

  test('of what is kept, persistent and shared', () => {
    expect(why(plain, 'layer2.weight')).toMatchObject({ fate: 'persistent', programs: [] });
    expect(formatReason(plain, why(plain, 'layer2.weight'))).toContain(': kept on the device\n');
    expect(why(plain, 'predict/x').fate).toBe('kept');
    const shared = plain.tensors.find(({ policy }) => policy === 'in-place')!;
    const reason = why(plain, shared.name);
    expect(reason.fate).toBe('shared');
    expect(reason.programs[0].tookOver).not.toBeNull();
    expect(formatReason(plain, reason)).toContain(
      `takes over the memory of ${reason.programs[0].tookOver}`,
    );
  });

  test('a tensor binds in the fullest steps in which it is live', () => {
    for (const plan of [plain, recomputing])
      for (const index of plan.tensors.keys())
        for (const { lives, peakSteps, bindingSteps } of whyTensor(plan, index).programs)
          for (const step of peakSteps)
            expect(bindingSteps.includes(step)).toBe(
              lives.some(({ firstStep, lastStep }) => firstStep <= step && step <= lastStep),
            );
  });

  test('names are found in full or by their end where only one has it, and near ones are told', () => {
    expect(findTensor(plain, 'predict/logits')).toBe(findTensor(plain, 'logits'));
    expect(findTensor(plain, 'x')).toBe(-1);
    expect(nearNames(plain, 'x').slice(0, 2).toSorted()).toContain('predict/x');
    expect(findTensor(plain, 'layer2.wieght')).toBe(-1);
    expect(nearNames(plain, 'layer2.wieght')[0]).toBe('layer2.weight');
  });
});
