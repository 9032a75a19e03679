import { describe, expect, test } from 'vitest';
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
import {
  expectAgreement,
  expectWitnessesToAgree,
  openCountedSession,
  openSession,
} from './support/agreement.ts';
import { MODELS } from './support/models.ts';
import { importExample } from './support/networks.ts';
import { compileWitnessed, randomInputs } from './support/reference.ts';

describe('wasm, WebGPU and the interpreter agree', () => {
  test.each(Object.entries(MODELS))('%s', (_, make) => expectWitnessesToAgree(make(), 3));
  test('examples/digits', () => expectWitnessesToAgree(digits, 1));
  // Most of the time is the interpreter's, image by image.
  test('examples/rows', () =>
    expectWitnessesToAgree(() => importExample('rows/model'), 1, { set: { batch: 6 } }));
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

// Of plans without workgroup memory `expectWitnessesToAgree` says the same.
test('the buffers that the runtime creates are deviceBytes in sum where kernels have workgroup memory', async () => {
  const compiled = await compileWitnessed(MODELS['reductions that are cut in two'](), {
    target: 'webgpu',
  });
  const { plan } = compiled;
  const { session, createdBytes, end } = await openCountedSession(compiled);
  for (const program of Object.keys(plan.programs))
    await session.run(program, randomInputs(plan, program, { classes: 5, step: 0, seed: 1 }));
  expect(createdBytes()).toBe(plan.memory.deviceBytes);
  session.destroy();
  end();
});
