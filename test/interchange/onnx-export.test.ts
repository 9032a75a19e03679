import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import type { OptionValue } from '../../compiler/frontend/option.ts';
import {
  compile,
  defineModel,
  exportOnnx,
  fromOnnx,
  type ModelSource,
  relu,
  tensor,
} from '../../compiler/index.ts';
import {
  type ModelProto,
  ModelProtoSchema,
} from '../../compiler/interchange/onnx/schema/onnx_pb.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { openSession } from '../support/agreement.ts';
import { MODELS } from '../support/models.ts';
import { randomInputs } from '../support/reference.ts';
import { SMALL_NETWORKS } from '../support/small-networks.ts';
import { expectClose } from '../support/stablehlo/agreement.ts';

// `npm run onnxruntime` runs exported models in onnxruntime. What is here needs no installation: btc reads them back.

type Set = Readonly<Record<string, OptionValue>>;

async function exported(source: ModelSource, set: Set): Promise<Uint8Array> {
  const options = typeof source === 'function' ? { set } : {};
  const { bytes, diagnostics } = await exportOnnx(source, options);
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  return bytes!;
}

async function sessionOf(source: ModelSource, set: Set, parameters?: Uint8Array) {
  const built = await compile(source, {
    target: 'wasm',
    ...(typeof source === 'function' ? { set } : {}),
  });
  if (!built.plan) throw new Error(built.diagnostics.map(({ message }) => message).join('\n'));
  const session = await openSession({
    ...{ ...built, module: built.module! },
    ...(parameters ? { parameters } : {}),
  });
  return { session, plan: built.plan };
}

async function expectRoundTrip(source: ModelSource, set: Set): Promise<void> {
  const bytes = await exported(source, set);
  const read = await fromOnnx(bytes);
  const own = await sessionOf(source, set);
  const other = await sessionOf(read.model, {}, read.parameters);
  const { step: _, ...inputs } = randomInputs(own.plan, 'predict', {
    ...{ classes: 5, step: 0, seed: 3 },
  });
  const wanted = await own.session.run('predict', inputs);
  const given = other.plan.programs.predict.inputs.map(({ name }) => [name, inputs[name]]);
  expectClose(await other.session.run('predict', Object.fromEntries(given)), wanted, 1e-4);
  own.session.destroy();
  other.session.destroy();
}

describe('models come back as they were', () => {
  test.each([
    'embedding, layer norm, GRU, AdamW',
    'convolutions, pooling, Adam',
    'batch norm in a residual block',
    'Elman network, padding, slices, softmax',
  ])('%s', (name) => expectRoundTrip(MODELS[name](), {}));
  test.each(['alexnet', 'resnet', 'u-net', 'gpt', 'lstm'])('%s', (name) => {
    const { model, set } = SMALL_NETWORKS[name];
    return expectRoundTrip(model, set);
  });
});

describe('layers come back with their names, shapes and numbers', () => {
  // Kernels over one place are matrices there, and what is broadcast has the rank that it is broadcast to.
  test.each([
    ['alexnet', true],
    ['vgg', true],
    ['resnet', true],
    ['mobilenet', true],
    ['u-net', true],
    ['densenet', false],
    ['gpt', false],
  ])('%s', async (name, hasShapes) => {
    const { model, set } = SMALL_NETWORKS[name];
    const { parameters } = await compile(model, { target: 'wasm', set });
    const read = await fromOnnx(await exported(model, set));
    const [own, made] = [parameters!, read.parameters].map(
      (bytes) => decodeSafetensors(bytes).tensors,
    );
    expect([...made.keys()].sort()).toEqual([...own.keys()].sort());
    for (const [tensor, { shape, data }] of own) {
      const given = made.get(tensor)!;
      expect([tensor, given.data]).toEqual([tensor, data]);
      if (hasShapes) expect([tensor, given.shape]).toEqual([tensor, shape]);
    }
  });

  test('relu of what is no number is none, before and after', async () => {
    const model = defineModel({
      name: 'rectified',
      inputs: { x: tensor([4]) },
      build: ({ x }) => ({ y: relu(x) }),
    });
    const read = await fromOnnx(await exported(model, {}));
    for (const source of [model, read.model]) {
      const { session } = await sessionOf(source, {});
      const { y } = await session.run('predict', { x: [Number.NaN, -1, 0, 2] });
      expect([...y]).toEqual([Number.NaN, 0, 0, 2]);
      session.destroy();
    }
  });
});

const parsed = (bytes: Uint8Array): ModelProto => fromBinary(ModelProtoSchema, bytes);
const count = ({ graph }: ModelProto, op: string) =>
  graph!.node.filter(({ opType }) => opType === op).length;

describe('what networks are made of', () => {
  // Layers with kernels, those of one tap too, and poolings.
  test.each([
    ['alexnet', 5, 2],
    ['vgg', 6, 0],
    ['resnet', 12, 1],
    ['densenet', 9, 1],
    ['mobilenet', 10, 0],
    ['u-net', 13, 0],
  ])('%s: convolutions are Conv, without gathers', async (name, convolutions, pools) => {
    const { model, set } = SMALL_NETWORKS[name];
    const file = parsed(await exported(model, set));
    expect(count(file, 'Conv') + count(file, 'ConvTranspose')).toBe(convolutions);
    expect(count(file, 'MaxPool')).toBe(pools);
    for (const op of ['Gather', 'ScatterND', 'Expand']) expect(count(file, op), op).toBe(0);
  });

  test('what stands between two convolutions stays in their order of axes', async () => {
    const { model, set } = SMALL_NETWORKS.resnet;
    const file = parsed(await exported(model, set));
    const kinds = file.graph!.node.map(({ opType }) => opType);
    const [first, last] = [kinds.indexOf('Conv'), kinds.lastIndexOf('Conv')];
    expect(kinds.slice(first, last)).not.toContain('Transpose');
  });

  test("every name is made once before it is read, and inputs and outputs are the program's", async () => {
    const { model, set } = SMALL_NETWORKS.resnet;
    const { graph, opsetImport } = parsed(await exported(model, set));
    expect(opsetImport.map(({ version }) => version)).toEqual([17n]);
    const known = new Set([...graph!.input, ...graph!.initializer].map(({ name }) => name));
    for (const { input, output } of graph!.node) {
      for (const name of input) expect(known.has(name), name).toBe(true);
      for (const name of output) expect(known.has(name), name).toBe(false);
      for (const name of output) known.add(name);
    }
    expect(graph!.input.map(({ name }) => name)).toEqual(['image']);
    expect(graph!.output.map(({ name }) => name)).toEqual(['logits']);
  });
});

test('an output with the name of an input has another one, and no name of the model is one of the file’s own', async () => {
  const model = defineModel({
    name: 'names',
    inputs: { x: tensor([2]), v0: tensor([2]), c0: tensor([2]) },
    build: ({ x, v0, c0 }) => ({ x: relu(x).add(0.5), v1: v0.mul(c0), x_2: x.add(1) }),
  });
  const { bytes, diagnostics } = await exportOnnx(model);
  expect(diagnostics).toEqual([]);
  const { model: read } = await fromOnnx(bytes!);
  const { session } = await sessionOf(read, {});
  const inputs = { x: [-1, 2], v0: [3, 4], c0: [5, 6] };
  const { x_1, v1, x_2 } = await session.run('predict', inputs);
  expect([[...x_1], [...v1], [...x_2]]).toEqual([
    [0.5, 2.5],
    [15, 24],
    [0, 3],
  ]);
  session.destroy();
});
