import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  blockTerm,
  cp,
  crossEntropy,
  defineModel,
  linear,
  type Model,
  sgd,
  tensor,
  tensorTrain,
} from '../compiler/index.ts';
import digits from '../examples/digits/model.ts';
import rows from '../examples/rows/model.ts';
import { load, type Session } from '../runtime/index.ts';
import { testGpu } from './support/gpu.ts';
import { MODELS } from './support/models.ts';
import {
  compileWitnessed,
  type Reference,
  randomInputs,
  type Witnessed,
} from './support/reference.ts';

// Three witnesses of one model: the float64 interpreter on the graph, the wasm target and WebGPU on the schedule.

const CLASSES = 5;
/** Of the largest element. float32 keeps 1.2e-7 per operation; sums here have up to a few thousand terms. */
const TOLERANCE = 2e-4;
/** Adam divides by the gradient's size, so elements with a gradient of nearly 0 may move either way. */
const SHARE_THAT_MAY_DIFFER = 0.002;

async function open({ plan, module, parameters }: Witnessed): Promise<Session> {
  return plan.target === 'webgpu'
    ? load(plan, { gpu: await testGpu(), parameters })
    : load(plan, { module, parameters });
}

function expectClose(given: ArrayLike<number>, wanted: Float64Array, name: string): void {
  const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  let different = 0;
  wanted.forEach((value, i) => {
    expect(Number.isFinite(given[i]), `${name}[${i}] is ${given[i]}`).toBe(true);
    if (Math.abs(given[i] - value) > TOLERANCE * scale) different++;
  });
  expect(different / wanted.length, `${name}: share of elements that differ`).toBeLessThanOrEqual(
    SHARE_THAT_MAY_DIFFER,
  );
}

async function expectAgreement(
  sessions: readonly Session[],
  reference: Reference,
  steps: number,
): Promise<void> {
  const [{ plan }] = sessions;
  for (let step = 0; step < steps; step++) {
    for (const program of Object.keys(plan.programs)) {
      const inputs = randomInputs(plan, program, { classes: CLASSES, step, seed: 7 });
      const wanted = Object.entries(reference.run(program, inputs));
      for (const session of sessions) {
        const outputs = await session.run(program, inputs);
        for (const [name, values] of wanted)
          expectClose(outputs[name], values, `${session.plan.target} ${step}: ${program}.${name}`);
      }
    }
    for (const session of sessions)
      for (const [name, given] of Object.entries(await session.readParameters()))
        expectClose(given, reference.parameters[name], `${session.plan.target} ${step}: ${name}`);
  }
}

async function expectWitnessesToAgree(model: Model, steps: number): Promise<void> {
  const wasm = await compileWitnessed(model, { target: 'wasm' });
  const webgpu = await compileWitnessed(model, {
    target: 'webgpu',
    // A software GPU switches threads at every barrier of a tile, which takes minutes.
    limits: { maxWorkgroupBytes: 0 },
  });
  const sessions = [await open(wasm), await open(webgpu)];
  for (const { allocatedBytes, plan } of sessions)
    expect(allocatedBytes).toBe(plan.memory.deviceBytes);
  await expectAgreement(sessions, wasm.reference, steps);
  for (const session of sessions) session.destroy();
}

describe('wasm, WebGPU and the interpreter agree', () => {
  test.each(Object.entries(MODELS))('%s', (_, make) => expectWitnessesToAgree(make(), 3));
  test('examples/digits', () => expectWitnessesToAgree(digits, 1));
  test('examples/rows', () => expectWitnessesToAgree(rows, 1));
});

describe('factorised layers compute intermediates tile by tile, and the witnesses agree', () => {
  const sizes = { inputModes: [4, 4, 4], outputModes: [4, 4, 4], rank: 4 };
  test.each([
    ['tensor-train', tensorTrain(sizes)],
    ['cp', cp(sizes)],
    ['block-term', blockTerm({ ...sizes, blocks: 2 })],
  ])('%s', async (_, weight) => {
    const model = defineModel({
      name: 'chains',
      inputs: { x: tensor([16, 64]), label: tensor([16], 'i32') },
      build: ({ x }) => ({ logits: linear(64, 64, { weight })(x) }),
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: sgd({ learningRate: 0.1 }),
      },
    });
    const wasm = await compileWitnessed(model, { target: 'wasm' });
    const webgpu = await compileWitnessed(model, { target: 'webgpu' });
    for (const { plan } of [wasm, webgpu]) {
      const labels = plan.programs.predict.steps.map(({ label }) => label);
      expect(labels.filter((label) => label.startsWith('contract+contract'))).not.toEqual([]);
    }
    const sessions = [await open(wasm), await open(webgpu)];
    await expectAgreement(sessions, wasm.reference, 1);
    for (const session of sessions) session.destroy();
  });
});

describe('the buffers that the runtime creates', () => {
  let created: { size: number }[] = [];
  let gpu: GPU;

  beforeAll(async () => {
    gpu = await testGpu();
  });

  const counting = (device: GPUDevice): GPUDevice => {
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      created.push(buffer);
      return buffer;
    };
    return device;
  };

  afterAll(() => {
    created = [];
  });

  test.each(Object.entries(MODELS))('are deviceBytes in sum: %s', async (_, make) => {
    const { plan, parameters } = await compileWitnessed(make(), { target: 'webgpu' });
    const adapter = (await gpu.requestAdapter())!;
    const device = counting(await adapter.requestDevice());
    created = [];
    const session = await load(plan, { device, parameters });
    for (const program of Object.keys(plan.programs))
      await session.run(program, randomInputs(plan, program, { classes: 5, step: 0, seed: 1 }));
    expect(created.reduce((sum, { size }) => sum + size, 0)).toBe(plan.memory.deviceBytes);
    session.destroy();
    device.destroy();
  });
});
