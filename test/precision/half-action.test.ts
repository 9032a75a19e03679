import { describe, expect, it } from 'vitest';
import {
  type CompiledPlan,
  type CompileOptions,
  compile,
  crossEntropy,
  defineModel,
  linear,
  sgd,
  tanh,
  tensor,
} from '../../compiler/index.ts';
import { half } from '../../compiler/plan-search/actions/half.ts';
import { NO_KNOBS } from '../../compiler/plan-search/knobs.ts';
import type { Plan } from '../../ir/plan.ts';
import { load } from '../../runtime/index.ts';
import { expectAgreement, openSession } from '../support/agreement.ts';
import { compileWitnessed, randomInputs } from '../support/reference.ts';

// The memory action `half`: activations that are kept for gradients become f16 where a budget asks for it and the user allows it.

/** A chain whose activations are kept for its gradients, and are most of what it takes. */
const chain = () =>
  defineModel({
    name: 'chain',
    inputs: { x: tensor([1024, 32]), label: tensor([1024], 'i32') },
    build: ({ x }) => {
      let h = x;
      for (let layer = 0; layer < 8; layer++) h = tanh(linear(32, 32)(h));
      return { logits: linear(32, 5)(h) };
    },
    train: {
      loss: ({ logits }, { label }) => crossEntropy(logits, label),
      optimizer: sgd({ learningRate: 0.1 }),
    },
  });

const options = { target: 'wasm', recompute: 'none', swap: 'none' } as const;

async function made(more: CompileOptions = {}): Promise<CompiledPlan> {
  const result = await compile(chain(), { ...options, ...more });
  expect(result.diagnostics).toEqual([]);
  return result as CompiledPlan;
}

const halves = ({ tensors }: Plan) => tensors.filter(({ dtype }) => dtype === 'f16');

describe('the action half', () => {
  it('is not taken where no budget asks for it', async () => {
    const { plan } = await made({ half: 'auto' });
    expect(halves(plan)).toEqual([]);
    expect(plan.graphActions).toBeUndefined();
  });

  it('keeps a budget that nothing else that is allowed keeps', async () => {
    const whole = (await made()).plan.memory.deviceBytes;
    const budgetBytes = Math.round(0.75 * whole);
    const refused = await compile(chain(), { ...options, budgetBytes });
    expect(refused.plan).toBeNull();
    expect(refused.diagnostics.map(({ code }) => code)).toEqual(['BTC4001']);
    const { plan } = await made({ budgetBytes, half: 'auto' });
    expect(plan.memory.deviceBytes).toBeLessThanOrEqual(budgetBytes);
    expect(plan.graphActions).toEqual(['half']);
    expect(plan.precision).toBeUndefined();
    // What the forward pass of training makes and gradients read, and nothing else.
    expect(halves(plan)).not.toEqual([]);
    for (const { role, program, source } of halves(plan)) {
      expect([role, program]).toEqual(['activation', 'train']);
      expect(plan.sources![source!].pass).toBeUndefined();
    }
    const bytes = halves(plan).reduce((sum, one) => sum + one.bytes, 0);
    expect(bytes).toBeGreaterThanOrEqual(7 * 1024 * 32 * 2);
  });

  it('is tried alone, then with as many micro-batches as are allowed; never without leave', () => {
    const space = {
      ...{ widest: 0, joins: false, largeParts: false, tiles: false },
      microBatches: [2, 4],
    };
    const tries = half.tries({ ...space, halves: true }, NO_KNOBS);
    expect(tries.map((knobs) => [knobs.half, knobs.microBatches])).toEqual([
      ['kept', 1],
      ['kept', 2],
      ['kept', 4],
    ]);
    expect(tries.every(half.taken)).toBe(true);
    expect(half.tries({ ...space, halves: false }, NO_KNOBS)).toEqual([]);
    expect(half.taken(NO_KNOBS)).toBe(false);
  });

  it('computes what the interpreter does, and nearly what training without it does', async () => {
    const whole = await made();
    const budgetBytes = Math.round(0.75 * whole.plan.memory.deviceBytes);
    const { reference, ...halved } = await compileWitnessed(
      chain(),
      { ...options, budgetBytes, half: 'auto' },
      'halve',
    );
    const session = await openSession(halved);
    await expectAgreement([session], reference, 2, { error: 4e-3 });
    session.destroy();
    const losses = async ({
      plan,
      module,
      parameters,
    }: Pick<CompiledPlan, 'plan' | 'module' | 'parameters'>) => {
      const run = await load(plan, { module: module!, parameters });
      const seen: number[] = [];
      for (let step = 0; step < 10; step++) {
        const inputs = randomInputs(plan, 'train', { classes: 5, step: 0, seed: 3 });
        seen.push((await run.run('train', inputs)).loss[0]);
      }
      run.destroy();
      return seen;
    };
    const [full, less] = [await losses(whole), await losses(halved)];
    full.forEach((loss, step) => {
      expect(Math.abs(less[step] - loss)).toBeLessThan(2e-3 * loss);
    });
    expect(full.at(-1)).toBeLessThan(full[0]);
  });

  it('has nothing to do where everything is a half already', async () => {
    const { plan } = await made({ precision: 'f16', half: 'auto' });
    expect(plan.precision).toBe('f16');
    expect(plan.graphActions).toBeUndefined();
  });
});
