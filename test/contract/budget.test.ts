import { describe, expect, test } from 'vitest';
import {
  blockTerm,
  type CompileOptions,
  compile,
  defineModel,
  linear,
  mean,
  mul,
  sgd,
  sub,
  tensor,
} from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { load } from '../../runtime/index.ts';
import { randomInputs } from '../support/reference.ts';

const [BATCH, INPUTS, OUTPUTS] = [64, 8 * 20 * 18, 8 * 4 * 4];

const model = () =>
  defineModel({
    name: 'budget',
    inputs: { x: tensor([BATCH, INPUTS]), y: tensor([BATCH, OUTPUTS]) },
    build({ x }) {
      const layer = linear(INPUTS, OUTPUTS, {
        bias: false,
        weight: blockTerm({ inputModes: [8, 20, 18], outputModes: [8, 4, 4], rank: 4, blocks: 2 }),
      });
      return { out: layer(x) };
    },
    train: {
      loss: ({ out }, { y }) => mean(mul(sub(out, y), sub(out, y))),
      optimizer: sgd({ learningRate: 0.1 }),
    },
  });

/** Contractions are searched again only where nothing that keeps every bit is allowed to help. */
const ALONE = { recompute: 'none', swap: 'none' } as const;

async function compiled(options: CompileOptions) {
  const { plan, module, parameters, diagnostics } = await compile(model, { ...ALONE, ...options });
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  return { plan: plan!, module: module!, parameters: parameters! };
}

const macsOf = ({ programs }: Plan, program: string) =>
  programs[program].steps.reduce((sum, { macs = 0 }) => sum + macs, 0);

/** The smallest feasible budget that the error of an impossible one names. */
async function smallestBudget(target: 'wasm' | 'webgpu'): Promise<number> {
  const { plan, diagnostics } = await compile(model, { ...ALONE, target, budgetBytes: 1000 });
  expect(plan).toBeNull();
  const { related = [] } = diagnostics.find(({ code }) => code === 'BTC4001')!;
  const named = related.flatMap(
    ({ message }) =>
      /smallest feasible budget with these options: .* \((\d+) bytes\)/.exec(message) ?? [],
  );
  return Number(named[1]);
}

describe('a budget below what the fastest contractions take', () => {
  test.each(['wasm', 'webgpu'] as const)(
    'is kept on %s, down to the smallest one',
    async (target) => {
      const { plan: free } = await compiled({ target });
      const smallest = await smallestBudget(target);
      expect(smallest).toBeLessThan(0.8 * free.memory.deviceBytes);
      const { plan } = await compiled({ target, budgetBytes: smallest });
      expect(plan.memory.deviceBytes).toBe(smallest);
      for (const share of [0.6, 0.2]) {
        const budgetBytes = Math.round(smallest + share * (free.memory.deviceBytes - smallest));
        const { plan } = await compiled({ target, budgetBytes });
        expect(plan.memory.deviceBytes).toBeLessThanOrEqual(budgetBytes);
      }
      const refused = await compile(model, {
        ...ALONE,
        target,
        budgetBytes: smallest - 1,
      });
      expect(refused.plan).toBeNull();
    },
  );

  test('costs no multiply-adds while slices are enough', async () => {
    // Without gradients nothing but the batch in flight needs memory.
    const untrained = () => {
      const { name, inputs, build } = model().definition;
      return defineModel({ name, inputs: { x: inputs.x }, build });
    };
    const plans = async (budgetBytes?: number) => {
      const { plan } = await compile(untrained, {
        ...ALONE,
        target: 'webgpu',
        ...(budgetBytes === undefined ? {} : { budgetBytes }),
      });
      return plan!;
    };
    const free = await plans();
    const plan = await plans(Math.round(0.85 * free.memory.deviceBytes));
    const [name] = Object.keys(free.programs);
    expect(macsOf(plan, name)).toBe(macsOf(free, name));
    expect(plan.programs[name].steps.length).toBeGreaterThan(free.programs[name].steps.length);
  });

  test('gives the results of the plan without a budget', async () => {
    const free = await compiled({ target: 'wasm' });
    const budgetBytes = await smallestBudget('wasm');
    const bounded = await compiled({ target: 'wasm', budgetBytes });
    const sessions = await Promise.all(
      [free, bounded].map(({ plan, module, parameters }) => load(plan, { module, parameters })),
    );
    for (let step = 0; step < 5; step++) {
      const inputs = randomInputs(free.plan, 'train', { classes: 2, step, seed: 3 });
      const [wanted, given] = await Promise.all(
        sessions.map((session) => session.run('train', inputs)),
      );
      expect(Math.abs(given['loss'][0] / wanted['loss'][0] - 1)).toBeLessThan(1e-4);
    }
    for (const session of sessions) session.destroy();
  });
});
