import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import {
  batchNorm,
  compile,
  convolution,
  defineModel,
  embedding,
  exportOnnx,
  fromOnnx,
  gelu,
  layerNorm,
  linear,
  logSoftmax,
  type Model,
  matmul,
  relu,
  reshape,
  silu,
  softmax,
  tensor,
  transpose,
  transposedConvolution,
} from '../../compiler/index.ts';
import { modelText } from '../../compiler/interchange/onnx/to-typescript.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import { onnxModel, onnxNode, onnxTensor, onnxValue } from '../support/onnx.ts';
import { numbers } from '../support/onnx-models.ts';

const FILES = { source: 'm.onnx', weights: 'm.safetensors' };

/** What is computed, line by line, without comments and the names that the file's nodes give. */
function calls(bytes: Uint8Array): string[] {
  const { text } = modelText(bytes, {}, FILES);
  const body = text.slice(text.indexOf('build('), text.indexOf('return {'));
  const whole = body.replace(/\(\n\s+/g, '(').replace(/,\n\s+\)/g, ')');
  return whole.split('\n').flatMap((line) => /const \w+ = (.*);$/.exec(line)?.[1] ?? []);
}

function predicted(
  model: Model,
  parameters: Uint8Array,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
): Record<string, Float64Array> {
  const traced = traceModel(model);
  expect(traced.diagnostics).toEqual([]);
  const values = [...decodeSafetensors(parameters).tensors].map(([name, { data, shape }]) => [
    name,
    new Float32Array(data.slice().buffer, 0, elementCount(shape)),
  ]);
  return interpretGraph(traced.programs[0].graph, inputs, Object.fromEntries(values)).outputs;
}

function expectClose(given: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(given.length).toBe(wanted.length);
  for (let k = 0; k < wanted.length; k++)
    expect(Math.abs(given[k] - wanted[k])).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted[k])));
}

interface Fixture {
  readonly model: string;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly y: readonly number[];
}

describe('what PyTorch exports is what was exported', () => {
  const read = (name: string): Fixture =>
    JSON.parse(readFileSync(new URL(`pytorch/${name}.json`, import.meta.url), 'utf8')) as Fixture;

  test.each([
    [
      'images',
      {},
      [
        "convolution(3, 4, { kernel: 3, stride: 2, padding: 1, bias: false, name: 'stem' })(transpose(image, [0, 2, 3, 1]))",
        "batchNorm(4, { name: 'norm' })(stem_Conv)",
        'silu(norm_BatchNormalization)',
        "transposedConvolution(4, 6, { kernel: 3, stride: 2, padding: 1, outputPadding: 1, name: 'up' })(Mul)",
        "transposedConvolution(6, 4, { kernel: [3, 2], dilation: [2, 1], groups: 2, bias: false, name: 'grouped' })(up_ConvTranspose)",
        'gelu(grouped_ConvTranspose)',
        "convolution(4, 5, { kernel: [12, 9], name: 'whole' })(Mul_6)",
        'reshape(transpose(whole_Conv, [0, 3, 1, 2]), [2, 5])',
      ],
    ],
    [
      'text',
      { batch: 2, time: 5 },
      [
        "embedding(11, 8, { name: 'tokens' })",
        'tokens(ids)',
        "layerNorm(8, { epsilon: 0.000001, name: 'before' })(tokens_Gather)",
        "linear(8, 8, { name: 'query' })(before_Add_1)",
        "linear(8, 8, { name: 'key' })(before_Add_1)",
        'transpose(key_MatMul, [0, 2, 1])',
        'matmul(query_MatMul, Transpose)',
        'div(MatMul, 2.828427)',
        'softmax(Div, 2)',
        "linear(8, 8, { name: 'value' })(before_Add_1)",
        'matmul(Div_1, value_MatMul)',
        'add(tokens_Gather, MatMul_1)',
        "layerNorm(8, { name: 'after' })(Add)",
        "linear(8, 16, { name: 'wide' })(after_Add_1)",
        "gelu(wide_MatMul, { approximate: 'none' })",
        "linear(16, 8, { name: 'narrow' })(Mul_1)",
        'add(Add, narrow_MatMul)',
        'transpose(tokens.weight, [1, 0])',
        'matmul(Add_2, x83)',
        'logSoftmax(MatMul_2, 2)',
      ],
    ],
  ])('%s', async (name, dimensions, wanted) => {
    const { model, inputs, y } = read(name);
    const bytes = new Uint8Array(Buffer.from(model, 'base64'));
    expect(calls(bytes)).toEqual(wanted);
    const made = await fromOnnx(bytes, { dimensions });
    expectClose(predicted(made.model, made.parameters, inputs)['y'], y);
  });
});

const every = defineModel({
  name: 'every',
  inputs: {
    image: tensor([2, 8, 8, 3]),
    flat: tensor([3, 6]),
    tokens: tensor([2, 5], 'i32'),
  },
  build({ image, flat, tokens }) {
    const x = convolution(3, 8, { kernel: 3, padding: 'same', name: 'conv' })(image);
    const y = relu(batchNorm(8, { name: 'norm' })(x));
    const up = transposedConvolution(8, 4, { kernel: 3, stride: 2, padding: 1, name: 'up' })(y);
    const last = silu(batchNorm(4, { epsilon: 1e-3, name: 'last' })(up));
    const whole = convolution(4, 6, { kernel: 15, name: 'whole' })(last);
    const table = embedding(20, 16, { name: 'tokens' });
    const h = gelu(layerNorm(16, { name: 'before' })(table(tokens)));
    const wide = gelu(linear(16, 16, { name: 'wide' })(h), { approximate: 'none' });
    const logits = matmul(wide, transpose(table.weight, [1, 0]));
    return {
      features: reshape(whole, [2, 6]),
      rows: logSoftmax(batchNorm(6, { name: 'rows' })(flat)),
      shares: softmax(logits),
    };
  },
});

describe('what btc exports comes back as it was written', () => {
  test('layers, norms, activations, tied weights', async () => {
    const { bytes } = await exportOnnx(every);
    expect(calls(bytes!)).toEqual([
      "convolution(3, 8, { kernel: 3, padding: 1, name: 'conv' })(image)",
      "batchNorm(8, { name: 'norm' })(x1)",
      expect.stringMatching(/^relu\(x\d+\)$/),
      expect.stringMatching(
        /^transposedConvolution\(8, 4, \{ kernel: 3, stride: 2, padding: 1, name: 'up' \}\)/,
      ),
      expect.stringMatching(/^batchNorm\(4, \{ epsilon: 0.001, name: 'last' \}\)/),
      expect.stringMatching(/^silu\(x\d+\)$/),
      expect.stringMatching(/^convolution\(4, 6, \{ kernel: 15, name: 'whole' \}\)/),
      "embedding(20, 16, { name: 'tokens' })",
      'tokens2(tokens)',
      expect.stringMatching(/^layerNorm\(16, \{ name: 'before' \}\)/),
      expect.stringMatching(/^gelu\(x\d+\)$/),
      expect.stringMatching(/^linear\(16, 16, \{ name: 'wide' \}\)/),
      expect.stringMatching(/^gelu\(x\d+, \{ approximate: 'none' \}\)$/),
      'transpose(tokens2.weight, [1, 0])',
      expect.stringMatching(/^matmul\(x\d+, tokens_weight\)$/),
      expect.stringMatching(/^reshape\(transpose\(x\d+, \[0, 3, 1, 2\]\), \[2, 6\]\)$/),
      "batchNorm(6, { name: 'rows' })(flat)",
      expect.stringMatching(/^logSoftmax\(x\d+, 1\)$/),
      expect.stringMatching(/^softmax\(x\d+, 2\)$/),
    ]);
  });

  test('the same parameters and states, and the same numbers', async () => {
    const { parameters } = await compile(every, { target: 'wasm' });
    const { bytes } = await exportOnnx(every);
    const read = await fromOnnx(bytes!);
    const own = decodeSafetensors(parameters!).tensors;
    const made = decodeSafetensors(read.parameters).tensors;
    expect([...made.keys()].sort()).toEqual([...own.keys()].sort());
    for (const [name, { shape, data }] of own)
      expect([name, made.get(name)]).toEqual([name, { dtype: 'f32', shape, data }]);
    const kinds = (model: Model) =>
      new Map(traceModel(model).parameters.map(({ declaration: { name, role } }) => [name, role]));
    expect(kinds(read.model)).toEqual(kinds(every));
    expect(kinds(read.model).get('norm.runningVariance')).toBe('state');
    const inputs = {
      image: numbers(2 * 8 * 8 * 3),
      flat: numbers(18, 2),
      tokens: [3, 1, 4, 1, 5, 9, 2, 6, 5, 19],
    };
    const wanted = predicted(every, parameters!, inputs);
    const given = predicted(read.model, read.parameters, inputs);
    for (const [name, values] of Object.entries(wanted)) expectClose(given[name], values);
  });
});

/** Nodes over x [2, 3, 4] with what stands in the way of a name. */
interface Lookalike {
  readonly nodes: readonly (readonly [
    op: string,
    inputs: readonly string[],
    output: string,
    attributes?: Parameters<typeof onnxNode>[3],
  ])[];
  readonly constants?: Readonly<Record<string, readonly [readonly number[], readonly number[]]>>;
  readonly outputs?: readonly string[];
}

const reduced = (axes: readonly number[]) => ({ axes, keepdims: 1 });
const softmaxOf = (first: readonly number[], second: readonly number[]): Lookalike['nodes'] => [
  ['ReduceMax', ['x'], 'top', reduced(first)],
  ['Sub', ['x', 'top'], 'low'],
  ['Exp', ['low'], 'powers'],
  ['ReduceMean', ['powers'], 'share', reduced(second)],
  ['Div', ['powers', 'share'], 'y'],
];
const normOf = (
  axes: readonly number[],
  power: readonly number[],
): Pick<Lookalike, 'nodes' | 'constants'> => ({
  nodes: [
    ['ReduceMean', ['x'], 'mean', reduced(axes)],
    ['Sub', ['x', 'mean'], 'centred'],
    ['Pow', ['centred', 'two'], 'squares'],
    ['ReduceMean', ['squares'], 'variance', reduced(axes)],
    ['Add', ['variance', 'epsilon'], 'positive'],
    ['Sqrt', ['positive'], 'deviation'],
    ['Div', ['centred', 'deviation'], 'normal'],
    ['Mul', ['normal', 'norm.scale'], 'scaled'],
    ['Add', ['scaled', 'norm.shift'], 'y'],
  ],
  constants: {
    two: [[], power],
    epsilon: [[], [0.001]],
    'norm.scale': [[4], [1, 2, 3, 4]],
    'norm.shift': [[4], [4, 3, 2, 1]],
  },
});
const geluOf = (half: number): Pick<Lookalike, 'nodes' | 'constants'> => ({
  nodes: [
    ['Div', ['x', 'root'], 'small'],
    ['Erf', ['small'], 'e'],
    ['Add', ['e', 'one'], 'up'],
    ['Mul', ['x', 'up'], 'both'],
    ['Mul', ['both', 'half'], 'y'],
  ],
  constants: { root: [[], [Math.SQRT2]], one: [[], [1]], half: [[], [half]] },
});

function fileOf({ nodes, constants = {}, outputs = ['y'] }: Lookalike): Uint8Array {
  return onnxModel({
    inputs: [onnxValue('x', [2, 3, 4])],
    outputs,
    weights: Object.entries(constants).map(([name, [dims, values]]) =>
      onnxTensor(name, dims, values),
    ),
    nodes: nodes.map(([op, inputs, output, attributes]) =>
      onnxNode(op, inputs, [output], attributes),
    ),
    opset: 13,
  });
}

describe('what only looks alike stays what it is', () => {
  const x = numbers(24, 5);
  const file = (one: Lookalike) => fileOf(one);

  test.each<[string, Lookalike, string]>([
    ['a norm', normOf([-1], [2]), 'layerNorm('],
    ['GELU', geluOf(0.5), 'gelu('],
  ])('%s is one', (_, one, name) => {
    expect(calls(file(one)).join('\n')).toContain(name);
  });

  test.each<[string, Lookalike, string]>([
    ['means in place of sums', { nodes: softmaxOf([2], [2]) }, 'softmax('],
    ['a norm over another axis', normOf([1], [2]), 'layerNorm('],
    ['a norm over two axes', normOf([1, 2], [2]), 'layerNorm('],
    ['a norm of fourth powers', normOf([-1], [4]), 'layerNorm('],
    ['a factor of GELU that is another', geluOf(0.25), 'gelu('],
    [
      'a value of it that is an output',
      { ...normOf([-1], [2]), outputs: ['y', 'normal'] },
      'layerNorm(',
    ],
  ])('%s', async (_, one, name) => {
    expect(calls(file(one)).join('\n')).not.toContain(name);
    const made = await fromOnnx(file(one));
    const whole = predicted(made.model, made.parameters, { x });
    // Node by node: every value is an output, so that no node is a part of another.
    const every = { ...one, outputs: one.nodes.map(([, , output]) => output) };
    const apart = await fromOnnx(file(every));
    const single = predicted(apart.model, apart.parameters, { x });
    for (const output of one.outputs ?? ['y']) expectClose(whole[output], single[output]);
  });

  test.each<[string, Lookalike]>([
    ['a norm', normOf([-1], [2])],
    ['GELU', geluOf(0.5)],
  ])('%s has the numbers of its nodes', async (_, one) => {
    const made = await fromOnnx(file(one));
    const apart = await fromOnnx(
      file({ ...one, outputs: one.nodes.map(([, , output]) => output) }),
    );
    const [whole, single] = [made, apart].map(({ model, parameters }) =>
      predicted(model, parameters, { x }),
    );
    expectClose(whole['y'], single['y']);
  });

  test('matrices of one number are nobody’s transpose', () => {
    const bytes = onnxModel({
      ...{ inputs: [onnxValue('x', [2, 3])], outputs: ['y'] },
      weights: [
        onnxTensor('a.weight', [3, 4], new Array<number>(12).fill(0.5)),
        onnxTensor('b.weight', [4, 3], new Array<number>(12).fill(0.5)),
      ],
      nodes: [
        onnxNode('MatMul', ['x', 'a.weight'], ['h']),
        onnxNode('MatMul', ['h', 'b.weight'], ['y']),
      ],
    });
    expect(calls(bytes)).toEqual([
      "linear(3, 4, { name: 'a', bias: false })(x)",
      "linear(4, 3, { name: 'b', bias: false })(h)",
    ]);
  });
});
