import { describe, expect, test } from 'vitest';
import {
  crossEntropy,
  defineModel,
  exportOnnx,
  exportStableHlo,
  init,
  linear,
  param,
  sgd,
  state,
  tensor,
} from '../../compiler/index.ts';
import { decodeSafetensors, encodeSafetensors } from '../../ir/safetensors.ts';
import { validModule } from '../support/stablehlo/agreement.ts';
import { parseModule } from '../support/stablehlo/parse.ts';

const model = (batch = 6) =>
  defineModel({
    name: 'small',
    inputs: { x: tensor([batch, 3]), label: tensor([batch], 'i32') },
    build: ({ x }) => ({ y: linear(3, 2)(x) }),
    train: {
      loss: ({ y }, { label }) => crossEntropy(y, label),
      optimizer: sgd({ momentum: 0.9 }),
    },
  });

const messages = async (
  made: Promise<{ diagnostics: readonly { code: string; message: string }[] }>,
) => (await made).diagnostics.map(({ code, message }) => `${code}: ${message}`);

describe('mistakes are diagnostics', () => {
  const bad = encodeSafetensors([
    ['linear1.weight', { dtype: 'f32', shape: [2, 3], data: new Float32Array(6) }],
  ]);
  test.each([
    [
      exportStableHlo(model(), { program: 'trian' }),
      "BTC5140: model 'small' has no program 'trian'; its programs are predict, train; did you mean 'train'?",
    ],
    [
      exportStableHlo(model(), { mesh: { batch: 4 } }),
      "BTC5141: the batch of program 'train' is 6, which 4 devices do not divide",
    ],
    [
      exportStableHlo(model(1), { mesh: { batch: 2 } }),
      "BTC5142: program 'train' has no batch to split: no input has a first axis of 2 or more",
    ],
    [
      exportStableHlo(model(), { mesh: { batch: 1.5 } }),
      "BTC5148: 'mesh.batch' is 1.5; it is a number of devices, 1 or more",
    ],
    [
      exportOnnx(model(), { program: 'train' }),
      "BTC5146: program 'train' trains, and files of ONNX are for programs that do not: export one of predict, or take the format stablehlo",
    ],
  ])('%#', async (made, message) => {
    expect(await messages(made)).toEqual([message]);
  });

  test('of weights', async () => {
    expect(await messages(exportOnnx(model(), { weights: bad }))).toEqual([
      "BTC5143: tensor 'linear1.weight' of the weights is f32[2,3], model 'small' has f32[3,2]",
      "BTC5144: the weights have no tensor 'linear1.bias', which program 'predict' reads",
    ]);
    const none = encodeSafetensors(new Map());
    expect(await messages(exportOnnx(model(), { weights: none }))).toEqual([
      "BTC5144: the weights have no tensors 'linear1.weight', 'linear1.bias', which program 'predict' reads",
    ]);
    const deep = defineModel({
      name: 'deep',
      inputs: { x: tensor([1, 2]) },
      build: ({ x }) => ({ y: linear(2, 2)(linear(2, 2)(linear(2, 2)(x))) }),
    });
    expect(await messages(exportOnnx(deep, { weights: none }))).toEqual([
      "BTC5144: the weights have no tensors 'linear1.weight', 'linear1.bias', 'linear2.weight' and 3 more, which program 'predict' reads",
    ]);
    const [broken] = await messages(exportOnnx(model(), { weights: bad.subarray(0, 20) }));
    expect(broken).toMatch(/^BTC5145: the weights are not a valid safetensors file: /);
  });

  test('a program that assigns a state is none for ONNX', async () => {
    const counting = defineModel({
      name: 'counting',
      inputs: { x: tensor([2]) },
      build: ({ x }) => {
        const total = state('total', [2], init.zeros);
        total.assign(total.value.add(x));
        return { total: total.value };
      },
    });
    expect(await messages(exportOnnx(counting))).toEqual([
      "BTC5147: program 'predict' assigns total, and ONNX has no state: export a program that assigns nothing, or take the format stablehlo",
    ]);
  });
});

test('a mesh splits the batch of inputs, and leaves parameters whole', async () => {
  const made = await exportStableHlo(model(), { mesh: { batch: 2 } });
  if (made.text === null) throw new Error('no text');
  const { meshes, functions } = validModule(made);
  expect([...meshes]).toEqual([['mesh', { batch: 2 }]]);
  const axes = functions
    .get('main')!
    .parameters.map(({ attributes }) => [
      attributes['btc.name'],
      (attributes['sdy.sharding'] as { record: { axes: unknown } }).record.axes,
    ]);
  expect(Object.fromEntries(axes)).toEqual({
    ...{ x: [['batch'], []], label: [['batch']], learningRate: [] },
    ...{ 'linear1.weight': [[], []], 'linear1.bias': [[]] },
    ...{ 'linear1.weight.momentum': [[], []], 'linear1.bias.momentum': [[]] },
  });
  expect(made.manifest.arguments.map(({ name, split }) => [name, split])).toContainEqual(['x', 0]);
});

test('weights are given values, and the manifest says what a result replaces', async () => {
  const weights = encodeSafetensors([
    ['linear1.weight', { dtype: 'f32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ['linear1.bias', { dtype: 'f32', shape: [2], data: Float32Array.of(7, 8) }],
  ]);
  const { parameters, manifest } = await exportStableHlo(model(), { weights });
  const { tensors } = decodeSafetensors(parameters!);
  expect([...tensors.get('linear1.weight')!.data]).toEqual([1, 2, 3, 4, 5, 6]);
  for (const { name, argument, role } of manifest!.results)
    expect(argument === null ? 'output' : manifest!.arguments[argument].name).toBe(
      role === 'output' ? 'output' : name,
    );
});

test('names may hold quotes, backslashes and any letter', async () => {
  const odd = defineModel({
    name: 'odd',
    inputs: { x: tensor([2]) },
    build: ({ x }) => ({ 'a "b" \\ é': x.add(param('w"\\ü', [2], init.zeros)) }),
  });
  const made = await exportStableHlo(odd);
  expect(made.diagnostics).toEqual([]);
  validModule(made as never);
});

test('the parser refuses what is no StableHLO', () => {
  const wrong = (body: string) => () =>
    parseModule(
      `module @m { func.func public @main(%arg0: tensor<2xf32>) -> tensor<2xf32> { ${body} } }`,
    );
  expect(wrong('func.return %arg0 : tensor<2xf32>')).not.toThrow();
  expect(wrong('%0 = stablehlo.ad %arg0, %arg0 : tensor<2xf32>')).toThrow('line 1');
  expect(wrong('%0 = stablehlo.constant dense<1> : tensor<2xf32>')).toThrow('point');
  expect(
    wrong('%0 = stablehlo.transpose %arg0, dim = [0] : (tensor<2xf32>) -> tensor<2xf32>'),
  ).toThrow();
});
