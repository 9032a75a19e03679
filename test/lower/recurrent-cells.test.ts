import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { builtOf, expectAgreement, openSession } from '../support/agreement.ts';
import { compileWitnessed } from '../support/reference.ts';

// Cells of recurrent layers on adapters in software: the product of a time step and what is done with its gates in one kernel, each
// tile of it computed by one invocation alone.

const STEPS = 4;

/** Batch, input and hidden features: round ones, and such as no block divides. */
const SIZES = [
  [32, 64, 128],
  [30, 20, 100],
  [24, 24, 96],
  [7, 10, 50],
  [5, 9, 33],
  [1, 12, 40],
] as const;

const LAYERS = { lstm: btc.lstm, gru: btc.gru, rnn: btc.rnn } as const;

const model =
  (layer: keyof typeof LAYERS, [batch, input, hidden]: readonly [number, number, number]) =>
  () =>
    btc.defineModel({
      name: layer,
      inputs: { x: btc.tensor([batch, STEPS, input]), label: btc.tensor([batch], 'i32') },
      build: ({ x }) => ({
        logits: btc.linear(hidden, 5, { name: 'output' })(
          LAYERS[layer](input, hidden, { name: 'cell' })(x).state.hidden,
        ),
      }),
      train: {
        loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
        optimizer: btc.sgd({ learningRate: 0.1 }),
      },
    });

describe.each(['lstm', 'gru', 'rnn'] as const)('a cell of %s', (layer) => {
  test.each(SIZES)('is one dispatch a step: batch %i, %i to %i', async (...sizes) => {
    const { plan } = builtOf(
      await compile(model(layer, sizes), { target: 'webgpu', profile: 'swiftshader' }),
    );
    const { steps } = plan.programs.predict;
    const cells = steps.filter(({ kernel }) => /sigmoid|tanh/.test(plan.kernels[kernel].name));
    expect(cells.length).toBe(STEPS);
    for (const { kernel } of cells.slice(1)) expect(plan.kernels[kernel].name).toMatch(/^contract/);
    // Beside them the product of all inputs, a first state, and the layer behind.
    expect(steps.length).toBeLessThanOrEqual(STEPS + 4);
  });

  test.each([
    [30, 20, 12],
    [5, 9, 33],
    [8, 12, 16],
  ] as const)('is what the reference says: batch %i, %i to %i', async (...sizes) => {
    const options = { target: 'webgpu', profile: 'swiftshader' } as const;
    const witnessed = await compileWitnessed(model(layer, sizes), options);
    const session = await openSession(witnessed);
    await expectAgreement([session], witnessed.reference, 2);
    session.destroy();
  });
});
