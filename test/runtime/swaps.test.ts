import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type CompileOptions,
  type CompileResult,
  compile,
  defineModel,
  init,
  linear,
  param,
  sgd,
  tensor,
} from '../../compiler/index.ts';
import type { HostTier, Plan, Target } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { type LoadOptions, load, type Session, type TensorData } from '../../runtime/index.ts';
import { errorOf } from '../support/errors.ts';
import { testDevice } from '../support/gpu.ts';
import { slowStore } from '../support/host-stores.ts';
import { MODELS } from '../support/models.ts';
import { randomInputs } from '../support/reference.ts';
import { SMALL_INPUTS, smallPlan, smallWasmPlan } from '../support/small-plan.ts';
import { soaked } from '../support/soak.ts';
import { type SwapDraw, swappedPlan, swappedWasm } from '../support/swapped-plan.ts';

// Plans in which values are swapped and recomputed do the same as those without, to the bit.

const NAMES = [
  'perceptron, dropout, Adam with clipping',
  'LSTM whose steps share kernels, momentum',
];
const built = new Map<string, CompileResult>();

beforeAll(async () => {
  for (const name of NAMES)
    for (const target of ['wasm', 'webgpu'] as const)
      built.set(`${name}/${target}`, await compile(MODELS[name](), { target, ...OPTIONS[target] }));
});

// What shares a binding lies as far apart as its kernel says, and here every tensor gets another place.
const OPTIONS: Readonly<Record<Target, CompileOptions>> = {
  wasm: {},
  webgpu: { limits: { maxWorkgroupBytes: 0 }, dispatches: 'single' },
};

interface Loadable {
  readonly plan: Plan;
  readonly options: LoadOptions;
}

async function plain(name: string, target: Target): Promise<Loadable> {
  const { plan, module, parameters } = built.get(`${name}/${target}`)!;
  const given = { parameters: parameters! };
  if (target === 'wasm') return { plan: plan!, options: { ...given, module: module! } };
  return { plan: plan!, options: { ...given, device: await testDevice() } };
}

async function swapped(name: string, target: Target, draw: SwapDraw): Promise<Loadable> {
  const { plan, options } = await plain(name, target);
  if (target === 'webgpu') return { plan: swappedPlan(plan, draw), options };
  const made = await swappedWasm(plan, draw);
  return { plan: made.plan, options: { ...options, module: made.module } };
}

/** Bits of everything that a session shows in some steps. */
async function trace(session: Session, steps: number, first = 0): Promise<Uint32Array[]> {
  const seen: TensorData[] = [];
  for (let step = first; step < first + steps; step++)
    for (const program of Object.keys(session.plan.programs)) {
      const inputs = randomInputs(session.plan, program, { classes: 4, step, seed: 3 });
      seen.push(...Object.values(await session.run(program, inputs)));
    }
  seen.push(...Object.values(await session.readParameters()));
  return seen.map((data) => new Uint32Array(data.slice().buffer));
}

async function traceOf({ plan, options }: Loadable, steps = 3): Promise<Uint32Array[]> {
  const session = await load(plan, options);
  if (!options.openStore) expect(session.hostBytes).toBe(plan.memory.hostBytes);
  try {
    return await trace(session, steps);
  } finally {
    session.destroy();
  }
}

const draws = fc.record({
  seed: fc.nat(),
  hosted: fc.nat(10),
  swapped: fc.nat(10),
  recomputed: fc.nat(5),
  tiers: fc.constantFrom<HostTier[]>(['memory'], ['file'], ['memory', 'file']),
  staging: fc.constantFrom(
    { buffers: 1, bytes: 64 },
    { buffers: 2, bytes: 256 },
    { buffers: 3, bytes: 65536 },
  ),
});

/** Tensors that go out together end in memory and in a file. */
const MIXED: SwapDraw & { tiers: HostTier[] } = {
  ...{ seed: 21, hosted: 5, swapped: 9, recomputed: 1, tiers: ['memory', 'file'] },
  staging: { buffers: 1, bytes: 64 },
};

describe.each([
  ['wasm', 12],
  ['webgpu', 6],
] as const)('random swaps on %s', (target, numRuns) => {
  test.each(NAMES)('%s', async (name) => {
    const wanted = await traceOf(await plain(name, target));
    await fc.assert(
      fc.asyncProperty(draws, fc.boolean(), async (draw, slow) => {
        const { plan, options } = await swapped(name, target, draw);
        expect(verifyPlan(plan)).toEqual([]);
        const stores: Partial<LoadOptions> = slow
          ? { openStore: (_, bytes) => slowStore(bytes) }
          : {};
        expect(await traceOf({ plan, options: { ...options, ...stores } })).toEqual(wanted);
      }),
      { ...soaked(numRuns), examples: [[MIXED, false]] },
    );
  });
});

describe.each(['wasm', 'webgpu'] as const)('a session that swaps on %s', (target) => {
  const draw: SwapDraw = { seed: 1, hosted: 10, swapped: 10, recomputed: 0, tiers: ['file'] };
  const parameters = { weight: [1, 2, 3, 4] };
  /** The small plan, whose training also gives the parameter that it has just written. */
  const open = async (options: LoadOptions = {}) => {
    const plan = target === 'webgpu' ? smallPlan() : (await smallWasmPlan()).plan;
    const { shape } = plan.tensors[0];
    const train = plan.programs.train;
    const outputs = [...train.outputs, { name: 'weight', tensor: 0, dtype: 'f32' as const, shape }];
    const given = { ...plan, programs: { ...plan.programs, train: { ...train, outputs } } };
    if (target === 'webgpu')
      return load(swappedPlan(given, draw), { device: await testDevice(), parameters, ...options });
    const made = await swappedWasm(given, draw);
    return load(made.plan, { module: made.module, parameters, ...options });
  };

  test('gives a parameter on the host as an output with its new value', async () => {
    const session = await open();
    for (let run = 0; run < 2; run++) {
      const { weight } = await session.run('train', SMALL_INPUTS);
      expect((await session.readParameters()).weight).toEqual(weight);
    }
    session.destroy();
  });

  test('ends in the middle of a run', async () => {
    const session = await open({ openStore: (_, bytes) => slowStore(bytes) });
    const running = session.run('train', SMALL_INPUTS);
    const next = session.run('train', SMALL_INPUTS);
    await new Promise((resolve) => setImmediate(resolve));
    session.destroy();
    expect((await errorOf(() => running)).code).toBe('destroyed');
    expect((await errorOf(() => next)).code).toBe('destroyed');
  });

  test('takes runs that are not waited for', async () => {
    const session = await open();
    const steady = await open({ openStore: (_, bytes) => slowStore(bytes) });
    for (let run = 0; run < 40; run++) {
      void session.run('train', SMALL_INPUTS, { read: false });
      await steady.run('train', SMALL_INPUTS);
    }
    expect(await session.saveCheckpoint()).toEqual(await steady.saveCheckpoint());
    session.destroy();
    steady.destroy();
  });
});

test('a parameter that no program uses is read from the host, those that it lies beside from the device', async () => {
  const model = () => {
    const layer = linear(4, 4);
    return defineModel({
      name: 'spare',
      inputs: { x: tensor([2, 4]) },
      build({ x }) {
        param('spare', [600], init.normal(1));
        return { y: layer(x) };
      },
      train: { loss: ({ y }) => y.square().sum(), optimizer: sgd() },
    });
  };
  const whole = await compile(model());
  const budgetBytes = whole.plan!.memory.deviceBytes - 2000;
  const { plan, parameters } = await compile(model(), { budgetBytes });
  const hosted = plan!.tensors.filter(({ policy }) => policy === 'host');
  expect(hosted.map(({ name }) => name)).toEqual(['spare']);
  const device = await testDevice();
  const session = await load(plan!, { device, parameters: parameters! });
  const other = await load(whole.plan!, { device, parameters: parameters! });
  for (const one of [session, other]) await one.run('train', { x: new Float32Array(8).fill(1) });
  expect(await session.readParameters()).toEqual(await other.readParameters());
  expect(await session.saveCheckpoint()).toEqual(await other.saveCheckpoint());
  session.destroy();
  other.destroy();
});
