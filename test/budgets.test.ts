import { describe, expect, test } from 'vitest';
import {
  type CompiledPlan,
  type CompileOptions,
  compile,
  type ModelSource,
} from '../compiler/index.ts';
import type { Target } from '../ir/plan.ts';
import { openSession } from './support/agreement.ts';
import { importNetwork, NETWORKS } from './support/networks.ts';
import { randomInputs } from './support/reference.ts';
import { SMALL_NETWORKS, type SmallNetwork } from './support/small-networks.ts';

// Five training steps inside a budget give to the bit what they give without one, and the runtime allocates what the plan says.

const STEPS = 5;
const CLASSES = 5;
/** `npm run soak` goes through all networks and budgets. */
const SOAK = process.env.BTC_SOAK !== undefined;

const TARGETS: readonly Target[] = ['wasm', 'webgpu'];

async function compiled(
  { model, set }: SmallNetwork,
  target: Target,
  options: CompileOptions = {},
): Promise<CompiledPlan | { readonly plan: null; readonly smallest: number }> {
  const result = await compile(model as ModelSource, {
    target,
    set,
    // What a longer search finds is no more exact.
    ...(SOAK ? {} : { planSeconds: 0.5 }),
    // Software GPUs switch threads at every barrier of a tile.
    limits: target === 'webgpu' ? { maxWorkgroupBytes: 0 } : {},
    ...options,
  });
  if (result.plan) return result;
  const [problem] = result.diagnostics.filter(({ category }) => category === 'error');
  expect(problem.code).toBe('BTC4001');
  const text = problem.related!.map(({ message }) => message).join('\n');
  const floor =
    /smallest feasible budget with --recompute auto --swap auto: .*\((\d+) bytes\)/.exec(text);
  return { plan: null, smallest: Number(floor![1]) };
}

/** Bits of every output of every step, and of all parameters and states at the end. */
async function trained(compiled: CompiledPlan): Promise<unknown[]> {
  const { plan } = compiled;
  const session = await openSession(compiled);
  expect(session.allocatedBytes).toBe(plan.memory.deviceBytes);
  const seen: unknown[] = [];
  const bits = (data: Float32Array | Int32Array) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  for (let step = 0; step < STEPS; step++) {
    for (const program of ['train', 'predict']) {
      const inputs = randomInputs(plan, program, { classes: CLASSES, step, seed: 7 });
      const outputs = await session.run(program, inputs);
      for (const [name, data] of Object.entries(outputs)) seen.push([step, name, bits(data)]);
    }
  }
  seen.push(Buffer.from(await session.saveCheckpoint()).toString('base64'));
  session.destroy();
  return seen;
}

async function expectSameBits(
  network: SmallNetwork,
  target: Target,
  shares: readonly number[],
): Promise<void> {
  const plain = await compiled(network, target);
  if (!plain.plan) throw new Error('a plan without a budget was refused');
  const wanted = await trained(plain);
  const full = plain.plan.memory.deviceBytes;
  for (const share of shares) {
    const budget = Math.floor(full * share);
    const within = await compiled(network, target, { budgetBytes: budget });
    const fitted = within.plan
      ? within
      : await compiled(network, target, { budgetBytes: within.smallest });
    if (!fitted.plan) throw new Error('the smallest feasible budget was refused');
    expect(fitted.plan.memory.deviceBytes).toBeLessThanOrEqual(fitted.plan.memory.budgetBytes!);
    expect(await trained(fitted), `${target}, ${share} of ${full} bytes`).toEqual(wanted);
  }
}

/** Parts of what a plan takes without a budget; where one cannot be kept, and for 0, the smallest feasible budget. */
const SHARES: Readonly<Record<Target, readonly number[]>> = SOAK
  ? { wasm: [1, 0.75, 0.5, 0.25, 0], webgpu: [1, 0.75, 0.5, 0.25, 0] }
  : { wasm: [0.5, 0], webgpu: [0.25] };

describe.each(TARGETS)('five steps on %s are the same to the bit within any budget', (target) => {
  // The many kernels of Inception take a software GPU half a minute.
  const networks = Object.entries(SMALL_NETWORKS).filter(
    ([name]) => SOAK || target === 'wasm' || name !== 'inception',
  );
  // Inception is the same kernels many times: by default only the smallest feasible budget.
  const sharesOf = (name: string) => (!SOAK && name === 'inception' ? [0] : SHARES[target]);
  test.each(networks)('%s', (name, network) => expectSameBits(network, target, sharesOf(name)));

  if (SOAK)
    test.each(Object.keys(NETWORKS))('%s as it stands', (name) =>
      expectSameBits(
        { model: () => importNetwork(name), set: { batch: 2 } },
        target,
        target === 'wasm' ? SHARES.wasm : [0.25],
      ),
    );
});

// Dropout is drawn again to the same bits, and the statistics of batch norm are updated once.
describe('the strategies of SuperNeurons give the same bits', () => {
  test.each([
    ['gpt', { recompute: 'memory', swap: 'none' }],
    ['resnet', { recompute: 'speed', swap: 'conv' }],
  ] as const)('%s, %o', async (name, actions) => {
    const network = SMALL_NETWORKS[name];
    const [plain, acted] = [
      await compiled(network, 'wasm'),
      await compiled(network, 'wasm', actions),
    ];
    if (!plain.plan || !acted.plan) throw new Error('there is no budget to refuse');
    const { steps, transfers = [] } = acted.plan.programs.train;
    const recomputed = steps.filter((step) => step.recomputed);
    expect(recomputed.length).toBeGreaterThan(0);
    expect(transfers.length > 0).toBe(actions.swap !== 'none');
    expect(acted.plan.actions).toEqual(actions);
    expect(plain.plan.actions).toBeUndefined();
    if (name === 'gpt')
      expect(
        recomputed.some(({ kernel }) => acted.plan.kernels[kernel].text.includes('random')),
      ).toBe(true);
    expect(await trained(acted)).toEqual(await trained(plain));
  });
});
