import { afterAll, describe, expect, test } from 'vitest';
import {
  type CompiledPlan,
  type CompileOptions,
  compile,
  type ModelSource,
} from '../compiler/index.ts';
import { GRAPH_ACTIONS } from '../compiler/plan-search/index.ts';
import type { Plan, Target } from '../ir/plan.ts';
import { load, type Session } from '../runtime/index.ts';
import {
  expectOpenedToAgree,
  openSession,
  openWitnesses,
  type Tolerance,
} from './support/agreement.ts';
import { importNetwork, NETWORKS } from './support/networks.ts';
import { randomInputs } from './support/reference.ts';
import { SMALL_NETWORKS, type SmallNetwork } from './support/small-networks.ts';

// The networks of the field. Without a budget all witnesses train them alike, and five training steps inside a budget give to the bit
// what they give without one. A network is compiled once without a budget, and what is loaded for that runs in both tests: on
// WebGPU, where a kernel of a budget's plan is one of the plain plan's, the device has compiled it already.

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
async function trained(session: Session): Promise<unknown[]> {
  const { plan } = session;
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
  return seen;
}

/** Whether a budget is refused, or kept without actions that change how sums are rounded. */
const isExact = ({ plan }: { readonly plan: Plan | null }) =>
  GRAPH_ACTIONS.every(({ name, exact }) => exact || !plan?.graphActions?.includes(name));

/** The same of a plan in a session of its own; on WebGPU of a device that is given. */
async function trainedAnew(built: CompiledPlan, device?: GPUDevice): Promise<unknown[]> {
  const { plan, parameters } = built;
  const session = device
    ? await load(plan, { device, parameters: parameters! })
    : await openSession(built);
  const seen = await trained(session);
  session.destroy();
  return seen;
}

/** A network without a budget, with what both sessions hold before they are trained. */
async function opened({ model, set }: SmallNetwork) {
  const witnesses = await openWitnesses(model as ModelSource, set);
  const initial = {
    wasm: await witnesses.sessions.wasm.saveCheckpoint(),
    webgpu: await witnesses.sessions.webgpu.saveCheckpoint(),
  };
  return { ...witnesses, initial };
}

type Opened = Awaited<ReturnType<typeof opened>>;

async function expectSameBits(
  network: SmallNetwork,
  { sessions, device, initial, ...built }: Opened,
  target: Target,
  shares: readonly number[],
): Promise<void> {
  await sessions[target].loadCheckpoint(initial[target]);
  const wanted = await trained(sessions[target]);
  const full = built[target].plan.memory.deviceBytes;
  /** Below the smallest budget that exact actions keep every budget comes to that one. */
  let smallest = 0;
  for (const share of shares) {
    const budget = Math.floor(full * share);
    if (budget < smallest) continue;
    const tried = await compiled(network, target, { budgetBytes: budget });
    const within = isExact(tried) ? tried : await compiled(network, target, { budgetBytes: 1 });
    const fitted = within.plan
      ? within
      : await compiled(network, target, { budgetBytes: within.smallest });
    if (!fitted.plan) throw new Error('the smallest feasible budget was refused');
    if (!within.plan) smallest = within.smallest;
    expect(fitted.plan.memory.deviceBytes).toBeLessThanOrEqual(fitted.plan.memory.budgetBytes!);
    const given = await trainedAnew(fitted, target === 'webgpu' ? device : undefined);
    expect(given, `${target}, ${share} of ${full} bytes`).toEqual(wanted);
  }
}

/** Parts of what a plan takes without a budget; where one cannot be kept, and for 0, the smallest feasible budget. */
const SHARES: Readonly<Record<Target, readonly number[]>> = SOAK
  ? { wasm: [1, 0.75, 0.5, 0.25, 0], webgpu: [1, 0.75, 0.5, 0.25, 0] }
  : { wasm: [0.5, 0], webgpu: [0.75] };
/** The same of networks that differ. Most of the time is that of searches for the smallest budget; on wasm all networks are built within it. */
const OWN_SHARES: Readonly<Record<string, Readonly<Record<Target, readonly number[]>>>> = SOAK
  ? {}
  : {
      // Inception is the same kernels many times.
      inception: { wasm: [0], webgpu: [] },
      lstm: { wasm: [0.5, 0], webgpu: [0.75, 0] },
      gpt: { wasm: [0.5, 0], webgpu: [0] },
    };
const sharesOf = (name: string, target: Target) => (OWN_SHARES[name] ?? SHARES)[target];

const TOLERANCES: Readonly<Record<string, Tolerance>> = {
  // Where two elements under a window are equal but for rounding, pooling gives its gradient to either: of nine seeds two have such.
  inception: { error: 2e-2, seed: 9 },
  // What is at a bound of relu6 but for rounding has a gradient or none: one of twelve seeds.
  mobilenet: { seed: 8 },
  // The softmax over keys does not see what all of them share.
  gpt: { settles: (parameter) => !parameter.endsWith('key.bias') },
};

/** Opened when it is needed first, and closed behind the tests of a `describe`. */
function openedOnce(network: SmallNetwork): () => Promise<Opened> {
  let loaded: Promise<Opened> | null = null;
  afterAll(async () => (await loaded)?.end());
  return () => (loaded ??= opened(network));
}

const SAME_BITS = 'five steps on %s are the same to the bit within any budget';

describe.each(Object.entries(SMALL_NETWORKS))(
  '%s of a few layers and channels',
  (name, network) => {
    const plain = openedOnce(network);

    test('is trained alike by all witnesses', async () =>
      expectOpenedToAgree(await plain(), 2, TOLERANCES[name]));

    const targets = TARGETS.filter((target) => sharesOf(name, target).length > 0);
    test.each(targets)(SAME_BITS, async (target) =>
      expectSameBits(network, await plain(), target, sharesOf(name, target)),
    );
  },
);

if (SOAK)
  describe.each(Object.keys(NETWORKS))('%s as it stands', (name) => {
    const network = { model: () => importNetwork(name), set: { batch: 2 } };
    const plain = openedOnce(network);
    test.each(TARGETS)(SAME_BITS, async (target) =>
      expectSameBits(network, await plain(), target, target === 'wasm' ? SHARES.wasm : [0.25]),
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
    expect(await trainedAnew(acted)).toEqual(await trainedAnew(plain));
  });
});
