import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile, exportOnnx } from '../../compiler/index.ts';
import { writeModel } from '../../compiler/interchange/onnx-export/model.ts';
import { interpretGraph, type Values } from '../../ir/interpret.ts';
import { OP_NAMES, type OpName } from '../../ir/ops.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { load } from '../../runtime/index.ts';
import { MODELS } from '../support/models.ts';
import { importNetwork, NETWORKS } from '../support/networks.ts';
import { graphCases } from '../support/random-graph.ts';
import { randomInputs } from '../support/reference.ts';
import { SMALL_NETWORKS } from '../support/small-networks.ts';
import { soaked } from '../support/soak.ts';
import { expectClose } from '../support/stablehlo/agreement.ts';
import { runModel } from './session.ts';

// What onnxruntime makes of exported models, against btc's own.

const rounded = (values: Values) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Float32Array.from(value)]),
  );

test('random programs over all ops', async () => {
  const seen = new Set<OpName>();
  const property = fc.asyncProperty(graphCases, async ({ module, graph, ...given }) => {
    for (const { op } of graph.nodes) seen.add(op);
    const [inputs, parameters] = [rounded(given.inputs), rounded(given.parameters)];
    const values = new Map(Object.entries(parameters).map(([name, data]) => [name, () => data]));
    const bytes = writeModel(module, graph, values, 'test');
    const made = await runModel(bytes, module.inputs, inputs);
    expectClose(made, interpretGraph(graph, inputs, parameters).outputs, 5e-4);
  });
  await fc.assert(property, soaked(300));
  expect(OP_NAMES.filter((op) => !seen.has(op))).toEqual([]);
});

type Source = Parameters<typeof exportOnnx>[0];
type Options = NonNullable<Parameters<typeof exportOnnx>[1]>;
const TOLERANCE = 1e-5;

/** Scales of norms are halved: with running statistics that nothing has trained, values would grow from block to block. */
function calmWeights(parameters: Uint8Array): Map<string, SafetensorsTensor> {
  const { tensors } = decodeSafetensors(parameters);
  return new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      name.endsWith('.scale') ? { ...tensor, data: tensor.data.map((x) => x / 2) } : tensor,
    ]),
  );
}

async function expectSame(source: Source, options: Options): Promise<void> {
  const { plan, module, parameters } = await compile(source, { target: 'wasm', ...options });
  const weights = calmWeights(parameters!);
  const { bytes, program, diagnostics } = await exportOnnx(source, {
    ...options,
    weights: encodeSafetensors(weights),
  });
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  const session = await load(plan!, {
    module: module!,
    parameters: Object.fromEntries([...weights].map(([name, { data }]) => [name, data])),
  });
  const inputs = randomInputs(plan!, program!, { classes: 5, step: 0, seed: 3 });
  const { step: _, ...given } = inputs;
  const wanted = await session.run(program!, given);
  session.destroy();
  const declared = plan!.programs[program!].inputs.map(({ name, dtype, shape }) => ({
    name,
    type: { dtype, shape },
  }));
  expectClose(await runModel(bytes!, declared, inputs), wanted, TOLERANCE);
}

describe('every layer', () => {
  test.each(Object.entries(MODELS))('%s', (_, make) => expectSame(make(), {}));
});

describe('blocks of the networks', () => {
  test.each(Object.entries(SMALL_NETWORKS))('%s', (_, { model, set }) =>
    expectSame(model, { set }),
  );
});

describe('networks of examples/networks', () => {
  // All of their layers at the size of their papers, but with fewer channels.
  const fewer = { batch: 1, width: 0.125, n3: 3, length: 16, vocabulary: 100, features: 48 };
  test.each(Object.keys(NETWORKS))('%s', (name) => {
    const { set } = NETWORKS[name];
    const options = Object.entries({ ...set, ...fewer }).filter(([option]) => option in set);
    return expectSame(() => importNetwork(name), { set: Object.fromEntries(options) });
  });
});
