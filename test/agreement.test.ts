import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  blockTerm,
  cp,
  crossEntropy,
  defineModel,
  linear,
  sgd,
  tensor,
  tensorTrain,
} from '../compiler/index.ts';
import digits from '../examples/digits/model.ts';
import rows from '../examples/rows/model.ts';
import { load } from '../runtime/index.ts';
import { expectAgreement, expectWitnessesToAgree, openSession } from './support/agreement.ts';
import { testGpu } from './support/gpu.ts';
import { MODELS } from './support/models.ts';
import { compileWitnessed, randomInputs } from './support/reference.ts';

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
      inputs: { x: tensor([32, 64]), label: tensor([32], 'i32') },
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
    const sessions = [await openSession(wasm), await openSession(webgpu)];
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
