import fc from 'fast-check';
import { expect, test } from 'vitest';
import { generatePlan } from '../compiler/codegen/index.ts';
import { lowerModule } from '../compiler/lower/index.ts';
import { orderProgram } from '../compiler/memory/order.ts';
import { type ActionOptions, planMemory } from '../compiler/plan-search/index.ts';
import { predictSeconds } from '../compiler/profile/predict.ts';
import { TARGETS } from '../compiler/targets/index.ts';
import { interpretGraph } from '../ir/interpret.ts';
import type { Target } from '../ir/plan.ts';
import { WASM_LIMITS, WEBGPU_DEFAULT_LIMITS } from '../ir/schedule.ts';
import { load, type Session } from '../runtime/index.ts';
import { testDevice } from './support/gpu.ts';
import { moduleOf } from './support/module-of.ts';
import { type GraphCase, graphCases } from './support/random-graph.ts';
import { soaked } from './support/soak.ts';
import { TEST_MODEL } from './support/variants.ts';

// Random programs through everything behind the graph, on both targets, against the float64 interpreter.

const LIMITS = {
  webgpu: { ...WEBGPU_DEFAULT_LIMITS, maxWorkgroupBytes: 0 },
  wasm: WASM_LIMITS,
} as const;
/** Values are at most ten, and a few dozen operations away from exact inputs. */
const TOLERANCE = 5e-4;

async function sessionOf(
  { graph, parameters }: GraphCase,
  target: Target,
  actions?: ActionOptions,
): Promise<Session> {
  const limits = LIMITS[target];
  const schedule = lowerModule(moduleOf(graph), { maxStorageBuffers: 8, fusion: orderProgram });
  const { schedule: allocated } = planMemory(schedule, limits, {
    target,
    ...(actions ? { actions } : {}),
  });
  const { plan, module } = await generatePlan(allocated!, {
    target,
    limits,
    budgetBytes: null,
    producer: 'test',
    variants: TEST_MODEL,
  });
  const initial = Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, Float32Array.from(value)]),
  );
  return target === 'webgpu'
    ? load(plan, { device: await testDevice(), parameters: initial })
    : load(plan, { module: module!, parameters: initial });
}

function expectClose(
  given: Readonly<Record<string, ArrayLike<number>>>,
  wanted: Readonly<Record<string, Float64Array>>,
): void {
  for (const [name, values] of Object.entries(wanted))
    values.forEach((value, i) => {
      const error = Math.abs(given[name][i] - value);
      if (!(error <= TOLERANCE * Math.max(1, Math.abs(value))))
        throw new Error(`${name}[${i}] is ${given[name][i]}, not ${value}`);
    });
}

/** What a device is given: the nearest float32. */
const rounded = (values: GraphCase['inputs']) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Float64Array.from(value, Math.fround)]),
  );

function givenInputs({ plan }: Session, { graph, inputs }: GraphCase) {
  return Object.fromEntries(
    plan.programs[graph.name].inputs.map(({ name, dtype }) => [
      name,
      dtype === 'f32' ? Float32Array.from(inputs[name]) : Int32Array.from(inputs[name]),
    ]),
  );
}

test.each([
  ['wasm', 60],
  ['webgpu', 40],
] as const)('random programs on %s are what the interpreter says', async (target, numRuns) => {
  const property = fc.asyncProperty(graphCases, async (drawn) => {
    const one = {
      ...drawn,
      inputs: rounded(drawn.inputs),
      parameters: rounded(drawn.parameters),
    };
    const { graph, inputs, parameters } = one;
    const session = await sessionOf(one, target);
    try {
      const wanted = interpretGraph(graph, inputs, parameters);
      const given = givenInputs(session, one);
      expectClose(await session.run(graph.name, given), wanted.outputs);
      expectClose(await session.readParameters(), wanted.updates);
      expect(session.allocatedBytes).toBe(session.plan.memory.deviceBytes);
    } finally {
      session.destroy();
    }
  });
  await fc.assert(property, soaked(numRuns));
});

test('random programs in the least memory give the same bits', async () => {
  const profile = TARGETS.webgpu.profile;
  // No budget is kept: the plan is the smallest that the memory actions find.
  const actions: ActionOptions = {
    recompute: 'auto',
    swap: 'auto',
    budgetBytes: 0,
    secondsOf: (kernel) => predictSeconds(kernel, profile),
    costs: profile,
  };
  const property = fc.asyncProperty(graphCases, async (drawn) => {
    const schedule = lowerModule(moduleOf(drawn.graph), {
      maxStorageBuffers: 8,
      fusion: orderProgram,
    });
    const placed = planMemory(schedule, LIMITS.webgpu, { target: 'webgpu', actions }).schedule!;
    // Most random programs are too small for actions to gain anything.
    fc.pre(placed.tensors.some(({ copyOf }) => copyOf));
    const free = await sessionOf(drawn, 'webgpu');
    const least = await sessionOf(drawn, 'webgpu', actions);
    try {
      const inputs = givenInputs(free, drawn);
      for (let run = 0; run < 2; run++)
        expect(await least.run(drawn.graph.name, inputs)).toEqual(
          await free.run(drawn.graph.name, inputs),
        );
      expect(await least.readParameters()).toEqual(await free.readParameters());
      expect(least.allocatedBytes).toBe(least.plan.memory.deviceBytes);
    } finally {
      free.destroy();
      least.destroy();
    }
  });
  await fc.assert(property, { ...soaked(6), maxSkipsPerRun: 1000 });
});
