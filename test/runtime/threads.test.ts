import { createHash } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { generatePlan } from '../../compiler/codegen/index.ts';
import {
  adam,
  compile,
  convolution,
  crossEntropy,
  defineModel,
  linear,
  type Model,
  maxPool2d,
  relu,
  reshape,
  tensor,
} from '../../compiler/index.ts';
import { lowerModule } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { WASM_LIMITS } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';
import type { LoadOptions, Session } from '../../runtime/index.ts';
import { withMultiplyAdds } from '../../runtime/wasm-relaxed.ts';
import { withSharedMemory } from '../../runtime/wasm-shared.ts';
import { MODELS } from '../support/models.ts';
import { moduleOf } from '../support/module-of.ts';
import { graphCases } from '../support/random-graph.ts';
import { SMALL_INPUTS, smallWasmPlan } from '../support/small-plan.ts';
import { TEST_MODEL } from '../support/variants.ts';

// Threads are workers, and these are files: the built runtime is what can start them.
let load: (plan: Plan, options: LoadOptions) => Promise<Session>;
beforeAll(async () => {
  ({ load } = await import('../../dist/runtime/index.js' as string));
});

/** The plan with all that can be shared worth sharing. */
function eager(plan: Plan): Plan {
  const programs = Object.entries(plan.programs).map(([name, program]) => [
    name,
    { ...program, steps: program.steps.map((step) => ({ ...step, flops: 1e9 })) },
  ]);
  return { ...plan, programs: Object.fromEntries(programs) };
}

function inputsOf({ programs }: Plan, program: string): Record<string, Float32Array | Int32Array> {
  const given = programs[program].inputs.filter((one) => one.default === null && !one.counter);
  return Object.fromEntries(
    given.map(({ name, dtype, shape, ranges }) => {
      const count = elementCount(shape);
      const most = Math.min(2, ...(ranges ?? []).map(({ high }) => high));
      return [
        name,
        dtype === 'f32'
          ? Float32Array.from({ length: count }, (_, i) => Math.sin(i))
          : Int32Array.from({ length: count }, (_, i) => i % (most + 1)),
      ];
    }),
  );
}

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The bits of all results and parameters after some runs of each program. */
async function bitsOf(plan: Plan, options: LoadOptions): Promise<Record<string, string>> {
  const session = await load(eager(plan), options);
  try {
    expect(session.description).toBe(
      options.threads === 1 ? 'WebAssembly' : `WebAssembly, ${options.threads} threads`,
    );
    const bits: Record<string, string> = {};
    for (const program of Object.keys(plan.programs))
      for (let run = 0; run < 3; run++) {
        const outputs = await session.run(program, inputsOf(plan, program));
        for (const [name, { buffer }] of Object.entries(outputs))
          bits[`${program}/${name} of run ${run}`] = digestOf(new Uint8Array(buffer));
      }
    bits.parameters = digestOf(await session.saveParameters());
    return bits;
  } finally {
    session.destroy();
  }
}

/** Large enough for panels, in kernels of several parts. */
const dense = () =>
  defineModel({
    name: 'dense',
    inputs: { image: tensor([32, 12, 12, 3]), label: tensor([32], 'i32') },
    build: ({ image }) => {
      const maps = relu(convolution(3, 16, { kernel: 3, padding: 'same' })(image));
      const features = reshape(maxPool2d(maps, 2), [32, 6 * 6 * 16]);
      return { logits: linear(64, 5)(relu(linear(6 * 6 * 16, 64)(features))) };
    },
    train: {
      loss: ({ logits }, { label }) => crossEntropy(logits, label),
      optimizer: adam({ learningRate: 0.01 }),
    },
  });

const NETWORKS: Readonly<Record<string, () => Model>> = {
  'convolution and layers in panels': dense,
  ...Object.fromEntries(
    [
      'perceptron, dropout, Adam with clipping',
      'LSTM whose parts fit no alignment',
      'embedding, layer norm, GRU, AdamW',
      'batch norm in a residual block',
    ].map((name) => [name, MODELS[name]]),
  ),
};

test.each(Object.keys(NETWORKS))('any number of threads gives the same bits: %s', async (name) => {
  const { plan, module, parameters } = await compile(NETWORKS[name], { target: 'wasm' });
  const given = { module: module!, parameters: parameters! };
  const wanted = await bitsOf(plan!, { ...given, threads: 1 });
  for (const threads of [2, 3, 4])
    expect(await bitsOf(plan!, { ...given, threads }), `${threads} threads`).toEqual(wanted);
});

test('any number of threads gives the same bits: random programs', async () => {
  for (const { graph, parameters } of fc.sample(graphCases, { numRuns: 4, seed: 11 })) {
    const schedule = lowerModule(moduleOf(graph), { maxStorageBuffers: 8, fusion: orderProgram });
    const { schedule: allocated } = planMemory(schedule, WASM_LIMITS, { target: 'wasm' });
    const { plan, module } = await generatePlan(allocated!, {
      ...{
        target: 'wasm',
        limits: WASM_LIMITS,
        budgetBytes: null,
        producer: 'test',
        variants: TEST_MODEL,
      },
    });
    const initial = Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, Float32Array.from(value)]),
    );
    const given = { module: module!, parameters: initial };
    const wanted = await bitsOf(plan, { ...given, threads: 1 });
    expect(await bitsOf(plan, { ...given, threads: 3 })).toEqual(wanted);
  }
});

describe('a session of several threads', () => {
  test('says what it allocates, keeps to limits, and times its steps', async () => {
    const { plan, module, parameters } = await compile(dense, { target: 'wasm' });
    const given = { module: module!, parameters: parameters! };
    const scratch = Math.max(
      ...plan!.kernels.flatMap(({ bindings }) =>
        bindings.map((binding) => (binding.scratch ? binding.bytes : 0)),
      ),
    );
    const session = await load(plan!, { ...given, threads: 2, trace: true });
    const more = session.allocatedBytes - plan!.memory.deviceBytes;
    expect(more).toBeGreaterThanOrEqual(scratch);
    expect(more).toBeLessThan(scratch + 65536);
    const [program] = Object.keys(plan!.programs);
    await session.run(program, inputsOf(plan!, program));
    const { steps } = await session.trace();
    expect(steps.length).toBe(plan!.programs[program].steps.length);
    expect(steps.every(({ seconds }) => seconds >= 0)).toBe(true);
    session.destroy();
    await expect(session.run(program, inputsOf(plan!, program))).rejects.toMatchObject({
      code: 'destroyed',
    });
    const maxDeviceBytes = plan!.memory.deviceBytes;
    await expect(load(plan!, { ...given, threads: 2, maxDeviceBytes })).rejects.toMatchObject({
      code: 'memory-limit',
    });
  });

  test.each([0, 65, 1.5, '2', null])('has no number of threads like %s', async (threads) => {
    const { plan, module } = await smallWasmPlan();
    const options = { module, threads } as LoadOptions;
    await expect(load(plan, options)).rejects.toMatchObject({ code: 'invalid-input' });
  });

  test('does not wait for a thread that is gone', async () => {
    const { plan, module, parameters } = await compile(dense, { target: 'wasm' });
    const workers: Worker[] = [];
    const seen = (worker: Worker) => workers.push(worker);
    process.on('worker', seen);
    const session = await load(plan!, { module: module!, parameters: parameters!, threads: 3 });
    process.off('worker', seen);
    expect(workers.length).toBe(2);
    const inputs = inputsOf(plan!, 'train');
    await session.run('train', inputs);
    // In the middle of a run: it is heard of while that waits.
    const ended = workers[1].terminate();
    await expect(session.run('train', inputs)).rejects.toMatchObject({ code: 'worker-lost' });
    await ended;
    // What it was to update may be half written, as behind a trap.
    await expect(session.run('train', inputs)).rejects.toMatchObject({ code: 'kernel-failed' });
    session.destroy();
  });

  test('reports a trap in any of its threads', async () => {
    const { plan, module } = await trappingPlan();
    const session = await load(plan, { module, threads: 3 });
    for (let run = 0; run < 2; run++)
      await expect(session.run('train', SMALL_INPUTS)).rejects.toMatchObject({
        code: 'kernel-failed',
      });
    session.destroy();
  });
});

/** A plan of one kernel in nine parts, of which the last traps. */
async function trappingPlan(): Promise<{ plan: Plan; module: Uint8Array }> {
  const { default: createAssembler } = await import('wabt');
  const { plan } = await smallWasmPlan();
  const assembler = await createAssembler();
  const { pages } = plan.module!;
  const parsed = assembler.parseWat(
    'trap.wat',
    `(module (import "env" "memory" (memory ${pages} ${pages}))
${plan.kernels
  .map(({ export: name, bindings }) => {
    const parameters = [...bindings, 'from', 'to'].map(() => 'i32').join(' ');
    const last = bindings.length + 1;
    return `(func (export "${name}") (param ${parameters})
  (if (i32.eq (local.get ${last}) (i32.const 9)) (then unreachable)))`;
  })
  .join('\n')})`,
  );
  const module = new Uint8Array(parsed.toBinary({}).buffer);
  parsed.destroy();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', module));
  const kernels = plan.kernels.map((kernel) => ({ ...kernel, parts: 9 }));
  return {
    plan: eager({
      ...plan,
      kernels,
      module: {
        ...plan.module!,
        bytes: module.length,
        sha256: Buffer.from(digest).toString('hex'),
      },
    }),
    module,
  };
}

test('a module is the same but for its memory when that is shared', async () => {
  const { module } = await smallWasmPlan();
  for (const pages of [1, 127, 128, 70, 65536]) {
    const shared = withSharedMemory(new Uint8Array(module), pages);
    const compiled = await WebAssembly.compile(shared);
    expect(WebAssembly.Module.exports(compiled)).toEqual(
      WebAssembly.Module.exports(await WebAssembly.compile(new Uint8Array(module))),
    );
    if (pages > 1000) continue;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    expect(await WebAssembly.instantiate(compiled, { env: { memory } })).toBeDefined();
  }
});

test('multiply-adds take the place of products and sums, and nothing moves', async () => {
  const { module } = await compile(dense, { target: 'wasm' });
  const changed = withMultiplyAdds(new Uint8Array(module!));
  expect(changed.length).toBe(module!.length);
  const differing = changed.filter((byte, at) => byte !== module![at]).length;
  expect(differing).toBeGreaterThan(50);
  expect(withMultiplyAdds(changed)).toEqual(changed);
});
