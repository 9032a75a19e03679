import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { variantsOf, variantText } from '../compiler/codegen/gpu/index.ts';
import { codeLimits } from '../compiler/codegen/plan.ts';
import { kernelSignature } from '../compiler/codegen/signature.ts';
import { compile } from '../compiler/driver/compile.ts';
import type {
  CompiledPlan,
  CompileOptions,
  CompileResult,
  PassPrinter,
} from '../compiler/driver/result.ts';
import { GRAPH_ACTIONS } from '../compiler/plan-search/actions/index.ts';
import type { DeviceProfile } from '../compiler/profile/profile.ts';
import { withTuned } from '../compiler/profile/tune.ts';
import { TARGETS } from '../compiler/targets/index.ts';
import { verifyCode } from '../compiler/verify/index.ts';
import { scaleName } from '../ir/dtypes.ts';
import type { Graph } from '../ir/graph.ts';
import { parseGraph } from '../ir/graph-text.ts';
import { roundToHalf } from '../ir/half.ts';
import { interpretGraph } from '../ir/interpret.ts';
import { kernelParts } from '../ir/kernel-group.ts';
import { parseKernel } from '../ir/kernel-text.ts';
import type { Plan, Target } from '../ir/plan.ts';
import { verifyPlan } from '../ir/plan-verify.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../ir/schedule.ts';
import { elementCount } from '../ir/tensor.ts';
import type { Session, TensorData } from '../runtime/index.ts';
import { randomBelow } from './memory/random-schedule.ts';
import { testDevice } from './support/gpu.ts';
import { type ModelCase, modelCases } from './support/random-model.ts';
import { soaked } from './support/soak.ts';

// Random models with their trainings through the whole compiler, with and without budgets, on both targets: every plan is accepted by the
// verifiers, keeps its budget, and computes what the float64 interpreter does and what the plan without a budget does.

// Threads are workers, and these are files: the built runtime is what can start them.
let load: typeof import('../runtime/index.ts').load;
beforeAll(async () => {
  ({ load } = await import('../dist/runtime/index.js' as string));
});

type Values = Readonly<Record<string, ArrayLike<number>>>;
/** What each run of a session gave, and what parameters were behind it. */
type Seen = readonly { readonly of: string; readonly outputs: Values; readonly after: Values }[];

/** A software GPU switches threads at every barrier of a tile, which takes minutes. */
const LIMITS = {
  wasm: {},
  webgpu: { limits: { maxWorkgroupBytes: 0 } },
} as const satisfies Readonly<Record<Target, CompileOptions>>;

const compiled = ({ model, traced }: ModelCase, options: CompileOptions) =>
  compile(model, options, () => traced);

/** The plan without a budget, and the graphs that it is made of: nothing simplified since gradients were taken. */
async function compiledFreely(one: ModelCase, options: CompileOptions) {
  let graphs: readonly Graph[] = [];
  const printAfter: PassPrinter = (pass, printed) => {
    if (pass === 'optimise') graphs = printed.split(/^(?=graph )/m).map(parseGraph);
  };
  const result = await compiled(one, { ...options, printAfter });
  return { ...result, graphs };
}

async function expectValid({ plan, module }: CompiledPlan): Promise<void> {
  expect(verifyPlan(JSON.parse(JSON.stringify(plan)))).toEqual([]);
  expect(await verifyCode(plan, module)).toEqual([]);
}

/** Of each program, how often. */
const ROUNDS = 2;

function inputsOf({ plan }: Session, program: string, { inputs }: ModelCase, step: number) {
  return Object.fromEntries(
    plan.programs[program].inputs.map(({ name, dtype, shape, counter, default: given }) => {
      const values =
        inputs[name] ??
        Float64Array.from({ length: elementCount(shape) }, (_, i) =>
          counter ? step : (given ?? Math.fround(0.1 * Math.sin(i))),
        );
      return [name, dtype === 'f32' ? Float32Array.from(values) : Int32Array.from(values)];
    }),
  );
}

interface Observed {
  readonly seen: Seen;
  /** Parameters before the first run. */
  readonly first: Values;
}

const seenOf = async (...given: Parameters<typeof observed>) => (await observed(...given)).seen;

async function observed(
  { plan, module }: CompiledPlan,
  one: ModelCase,
  threads?: number,
): Promise<Observed> {
  const known = new Set(plan.tensors.map(({ name }) => name));
  const parameters = Object.fromEntries(
    Object.entries(one.parameters)
      .filter(([name]) => known.has(name))
      .map(([name, values]) => [name, Float32Array.from(values)]),
  );
  const session =
    plan.target === 'webgpu'
      ? await load(plan, { device: await testDevice(), parameters })
      : await load(plan, { module: module!, parameters, ...(threads ? { threads } : {}) });
  try {
    if (!threads) expect(session.allocatedBytes).toBe(plan.memory.deviceBytes);
    const first = await session.readParameters();
    const seen: { of: string; outputs: Values; after: Values }[] = [];
    for (let round = 0; round < ROUNDS; round++)
      for (const program of Object.keys(plan.programs)) {
        const outputs = await session.run(program, inputsOf(session, program, one, round));
        const after = await session.readParameters();
        seen.push({ of: `${round} ${program}`, outputs, after });
      }
    return { seen, first };
  } finally {
    session.destroy();
  }
}

const bitsOf = (seen: Seen) =>
  seen.map(({ of, outputs, after }) => [
    of,
    ...[outputs, after].map((values) =>
      Object.entries(values).map(([name, data]) => [
        name,
        [...new Uint32Array((data as TensorData).slice().buffer)],
      ]),
    ),
  ]);

/** Steps in which values of a column that is held as bytes are told apart, on either side of 0. */
const STEPS = 127;

/** What is held in fewer bytes is near what was given: the nearest half, or within half a step of its column. */
function expectNear(first: Values, { parameters, narrow, shapes }: ModelCase): void {
  for (const [name, storage] of narrow) {
    const [given, held] = [parameters[name], first[name]];
    // Simplification may have found that nothing depends on it.
    if (!held) continue;
    const columns = shapes.get(name)!.at(-1)!;
    const most = new Float64Array(columns);
    given.forEach((value, k) => {
      most[k % columns] = Math.max(most[k % columns], Math.abs(value));
    });
    given.forEach((value, k) => {
      if (storage === 'f16') expect(held[k]).toBe(roundToHalf(value));
      else
        expect(Math.abs(held[k] - value)).toBeLessThanOrEqual((0.501 * most[k % columns]) / STEPS);
    });
  }
}

/** What the graphs read: what narrow states hold, of which one stands for one. */
function asHeld(first: Values, one: ModelCase): ModelCase {
  const held = [...one.narrow.keys()].flatMap((name) => {
    const values = Float64Array.from(first[name] ?? one.parameters[name]);
    const columns = one.shapes.get(name)!.at(-1)!;
    return [
      [name, values],
      [scaleName(name), new Float64Array(columns).fill(1)],
    ] as const;
  });
  return { ...one, parameters: { ...one.parameters, ...Object.fromEntries(held) } };
}

/** What the graphs give in float64, run in the order of a plan; `nudge`: how far first values are moved, relative to them. */
function interpreted(graphs: readonly Graph[], plan: Plan, one: ModelCase, nudge: number): Seen {
  const nudged = (values: ArrayLike<number>) =>
    Float64Array.from(values, (x, i) => x * (1 + nudge * Math.cos(i)));
  const held: Record<string, Float64Array> = {};
  for (const { nodes } of graphs)
    for (const { op, attributes, type } of nodes)
      if (op === 'parameter')
        held[attributes.name] ??= one.parameters[attributes.name]
          ? nudged(one.parameters[attributes.name])
          : new Float64Array(elementCount(type.shape));
  const seen: { of: string; outputs: Values; after: Values }[] = [];
  for (let round = 0; round < ROUNDS; round++)
    for (const program of Object.keys(plan.programs)) {
      const graph = graphs.find(({ name }) => name === program)!;
      const declared = plan.programs[program].inputs;
      const inputs: Record<string, Float64Array> = {};
      for (const { op, attributes, type } of graph.nodes) {
        if (op !== 'input') continue;
        const input = declared.find(({ name }) => name === attributes.name);
        const given = one.inputs[attributes.name];
        inputs[attributes.name] = given
          ? type.dtype === 'f32'
            ? nudged(given)
            : given
          : Float64Array.from({ length: elementCount(type.shape) }, (_, i) =>
              input?.counter
                ? round
                : Math.fround(input?.default ?? Math.fround(0.1 * Math.sin(i))),
            );
      }
      const { outputs, updates } = interpretGraph(graph, inputs, held);
      Object.assign(held, updates);
      seen.push({ of: `${round} ${program}`, outputs, after: { ...held } });
    }
  return seen;
}

/** How results are held against the interpreter's. */
interface Exactness {
  /** Of what a result is that rounding moves little. */
  readonly tolerance: number;
  /** How far first values are moved to see what rounding does. */
  readonly nudge: number;
  /** How much further than a nudge rounding may move a result. */
  readonly amplified: number;
  /** A run that a nudge moves further says nothing. */
  readonly calm: number;
}
const WHOLE: Exactness = { tolerance: 5e-4, nudge: 1e-6, amplified: 300, calm: 1e-3 };
/** Where activations are stored as halves. */
const HALVES: Exactness = { tolerance: 2e-2, nudge: 1e-3, amplified: 30, calm: 1e-2 };
const exactnessOf = ({ tensors }: Plan) =>
  tensors.some(({ dtype, program }) => dtype === 'f16' && program !== null) ? HALVES : WHOLE;

const scaleOf = (x: number) => Math.max(1, Math.abs(x));

/** Whether nothing that a run gave or left is large or far from what a nudge makes of it: other numbers say nothing of rounding. */
const isCalm = (calm: number, { outputs, after }: Seen[number], near: Seen[number]) =>
  [
    [outputs, near.outputs],
    [after, near.after],
  ].every(([values, others]) =>
    Object.entries(values).every(([name, right]) =>
      Array.from(right).every(
        (x, i) => Math.abs(x) < 1e6 && Math.abs(x - others[name][i]) <= calm * scaleOf(x),
      ),
    ),
  );

/** Up to the first run that is not calm: what follows from it is no better. */
function expectClose(
  seen: Seen,
  { tolerance, amplified, calm }: Exactness,
  wanted: Seen,
  nudged: Seen,
): void {
  const wild = wanted.findIndex((run, k) => !isCalm(calm, run, nudged[k]));
  seen.slice(0, wild < 0 ? seen.length : wild).forEach(({ of, outputs, after }, run) => {
    for (const [given, kind] of [
      [outputs, 'outputs'],
      [after, 'after'],
    ] as const)
      for (const [name, values] of Object.entries(given)) {
        const [right, near] = [wanted[run][kind][name], nudged[run][kind][name]];
        for (let i = 0; i < values.length; i++) {
          const most = tolerance * scaleOf(right[i]) + amplified * Math.abs(right[i] - near[i]);
          if (!(Math.abs(values[i] - right[i]) <= most))
            throw new Error(`${of}: ${name}[${i}] is ${values[i]}, not ${right[i]}`);
        }
      }
  });
}

const isExact = (plan: Plan) =>
  GRAPH_ACTIONS.every(({ name, exact }) => exact || !(plan.graphActions ?? []).includes(name));

const options = fc
  .record({
    contractions: fc.constantFrom<'time' | 'macs'>('time', 'macs'),
    tiles: fc.constantFrom<'auto' | 'always' | 'never'>('auto', 'auto', 'always', 'never'),
    dispatches: fc.constantFrom<'shared' | 'single'>('shared', 'shared', 'single'),
    // With neither, a budget takes slices, tiles and halves.
    actions: fc.constantFrom<readonly ['auto' | 'none', 'auto' | 'none']>(
      ...([
        ['auto', 'auto'],
        ['auto', 'auto'],
        ['auto', 'none'],
        ['none', 'auto'],
      ] as const),
      ...([
        ['none', 'none'],
        ['none', 'none'],
      ] as const),
    ),
    planSeconds: fc.constantFrom(0, 0.05, 0.3),
    half: fc.constantFrom<'auto' | 'none'>('none', 'none', 'auto'),
    precision: fc.constantFrom<'f32' | 'f16'>('f32', 'f32', 'f32', 'f16'),
  })
  .map(({ actions: [recompute, swap], ...one }): CompileOptions => ({ ...one, recompute, swap }));

/** A software GPU has no halves. */
const NO_HALVES = { half: 'none', precision: 'f32' } as const;

const share = fc.double({ min: 0, max: 1, noNaN: true });

const FLOOR = /smallest feasible budget with these options: .*\((\d+) bytes\)/;

/** A plan within a share of the bytes of another one; where there is none, the smallest that the refusal names: that one builds. */
async function withinShare(
  one: ModelCase,
  options: CompileOptions,
  share: number,
  { plan }: CompiledPlan,
): Promise<CompiledPlan> {
  const budgetBytes = Math.floor(share * plan.memory.deviceBytes);
  const kept = (result: CompileResult) => {
    expect(result.diagnostics).toEqual([]);
    const { memory } = result.plan!;
    expect(memory.deviceBytes).toBeLessThanOrEqual(memory.budgetBytes!);
    return result as CompiledPlan;
  };
  const first = await compiled(one, { ...options, budgetBytes });
  if (first.plan) return kept(first);
  const [{ code, related = [] }] = first.diagnostics;
  expect(code).toBe('BTC4001');
  const named = related.flatMap(({ message }) => FLOOR.exec(message)?.[1] ?? []).map(Number);
  expect(named.length).toBe(1);
  expect(named[0]).toBeGreaterThan(budgetBytes);
  return kept(await compiled(one, { ...options, budgetBytes: named[0] }));
}

/** A profile in which every kernel of a plan was fastest in a way that `seed` draws. */
function tunedProfile({ kernels, limits }: Plan, seed: number): DeviceProfile {
  const below = randomBelow(seed);
  const { profile } = TARGETS.webgpu;
  const device = { ...WEBGPU_DEFAULT_LIMITS, ...codeLimits(limits!) };
  const parts = kernels.flatMap(({ text }) => kernelParts(parseKernel(text)));
  const tuned = parts.map((kernel) => {
    const variants = variantsOf(kernel, device);
    const variant = variantText(variants[below(variants.length)]);
    const signature = kernelSignature(kernel);
    return { signature, name: kernel.name, variant, seconds: 1, untunedSeconds: 2 };
  });
  return withTuned({ ...profile, name: 'drawn' }, tuned);
}

test.each([
  ['wasm', 12],
  ['webgpu', 4],
] as const)('random models on %s are what the interpreter says', async (target, numRuns) => {
  const property = fc.asyncProperty(
    fc.oneof(modelCases(16), modelCases(12, 'wide')),
    options,
    share,
    fc.constantFrom(1, 1, 1, 3),
    fc.nat(),
    async (drawnModel, drawn, share, threads, seed) => {
      const given = {
        ...{ ...drawn, ...LIMITS[target], target },
        ...(target === 'webgpu' ? NO_HALVES : {}),
      };
      const { graphs, ...made } = await compiledFreely(drawnModel, given);
      const free = made as CompiledPlan;
      await expectValid(free);
      const { seen, first } = await observed(free, drawnModel);
      expectNear(first, drawnModel);
      const one = asHeld(first, drawnModel);
      const expectMeant = (plan: Plan, found: Seen) => {
        const exactness = exactnessOf(plan);
        const [wanted, nudged] = [0, exactness.nudge].map((nudge) =>
          interpreted(graphs, free.plan, one, nudge),
        );
        expectClose(found, exactness, wanted, nudged);
      };
      expectMeant(free.plan, seen);
      if (target === 'wasm' && threads > 1)
        expect(bitsOf(await seenOf(free, drawnModel, threads))).toEqual(bitsOf(seen));
      if (target === 'webgpu') {
        const profile = tunedProfile(free.plan, seed);
        const tuned = (await compiled(drawnModel, { ...given, profile })) as CompiledPlan;
        await expectValid(tuned);
        expectMeant(tuned.plan, await seenOf(tuned, drawnModel));
      }
      const bounded = await withinShare(drawnModel, given, share, free);
      const again = await seenOf(bounded, drawnModel);
      if (isExact(bounded.plan)) expect(bitsOf(again)).toEqual(bitsOf(seen));
      else expectMeant(bounded.plan, again);
    },
  );
  await fc.assert(property, soaked(numRuns));
});

test('random models keep any budget, or the one that a refusal names', async () => {
  const property = fc.asyncProperty(modelCases(24), options, share, async (one, drawn, share) => {
    const given: CompileOptions = { ...drawn, target: 'webgpu' };
    const free = (await compiled(one, given)) as CompiledPlan;
    await expectValid(free);
    await expectValid(await withinShare(one, given, share, free));
  });
  await fc.assert(property, soaked(20));
});
