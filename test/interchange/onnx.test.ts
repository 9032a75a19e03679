import { describe, expect, test } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import { compile, crossEntropy, fromOnnx, OnnxError, sgd, tensor } from '../../compiler/index.ts';
import { modelText } from '../../compiler/interchange/onnx/to-typescript.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import { load } from '../../runtime/index.ts';
import { compileText } from '../support/compile-text.ts';
import { INT64, onnxModel, onnxNode, onnxTensor, onnxValue } from '../support/onnx.ts';
import { controlModel, imageModel, numbers, textModel } from '../support/onnx-models.ts';

type Values = Readonly<Record<string, ArrayLike<number>>>;

function valuesOf(parameters: Uint8Array): Record<string, Float32Array> {
  return Object.fromEntries(
    [...decodeSafetensors(parameters).tensors].map(([name, { data, shape }]) => [
      name,
      new Float32Array(data.slice().buffer, 0, elementCount(shape)),
    ]),
  );
}

/** What the model predicts, by the interpreter. */
function predicted(
  { model, parameters }: Awaited<ReturnType<typeof fromOnnx>>,
  inputs: Values,
): Record<string, Float64Array> {
  const traced = traceModel(model);
  expect(traced.diagnostics).toEqual([]);
  const held = Object.fromEntries(
    traced.parameters.flatMap(({ declaration: { name, data } }) => (data ? [[name, data]] : [])),
  );
  const all = { ...held, ...valuesOf(parameters) };
  return interpretGraph(traced.programs[0].graph, inputs, all).outputs;
}

function expectClose(given: ArrayLike<number>, wanted: ArrayLike<number>, error = 1e-4): void {
  expect(given.length).toBe(wanted.length);
  for (let k = 0; k < wanted.length; k++)
    expect(Math.abs(given[k] - wanted[k])).toBeLessThan(error * Math.max(1, Math.abs(wanted[k])));
}

/** One node over floats, with the values of its other inputs known. */
async function nodeResult(
  opType: string,
  inputs: readonly (readonly [readonly number[], readonly number[]])[],
  attributes: Parameters<typeof onnxNode>[3] = {},
  options: { known?: readonly (readonly number[])[]; opset?: number } = {},
): Promise<number[]> {
  const names = inputs.map((_, k) => `x${k}`);
  const known = (options.known ?? []).map((values, k) =>
    onnxTensor(`k${k}`, [values.length], values, INT64),
  );
  const bytes = onnxModel({
    inputs: inputs.map(([shape], k) => onnxValue(names[k], shape)),
    outputs: ['y'],
    weights: known,
    nodes: [onnxNode(opType, [...names, ...known.map(({ name }) => name)], ['y'], attributes)],
    ...(options.opset ? { opset: options.opset } : {}),
  });
  const made = await fromOnnx(bytes);
  const given = Object.fromEntries(inputs.map(([, values], k) => [names[k], values]));
  return Array.from(predicted(made, given)['y']);
}

describe('operators are what ONNX says', () => {
  const x = [
    [2, 3],
    [1, -2, 3, -4, 5, -6],
  ] as const;

  test.each<[string, Parameters<typeof nodeResult>, readonly number[]]>([
    ['Add broadcasts', ['Add', [x, [[3], [10, 20, 30]]]], [11, 18, 33, 6, 25, 24]],
    [
      'Gemm with both factors',
      [
        'Gemm',
        [
          [
            [1, 2],
            [1, 2],
          ],
          [
            [2, 1],
            [3, 4],
          ],
          [[1], [2]],
        ],
        { alpha: 0.5, beta: 0.25 },
      ],
      [6],
    ],
    [
      'Squeeze by an attribute before 13',
      [
        'Squeeze',
        [
          [
            [1, 2],
            [3, 4],
          ],
        ],
        { axes: [0] },
        { opset: 11 },
      ],
      [3, 4],
    ],
    [
      'Squeeze by an input from 13 on',
      [
        'Squeeze',
        [
          [
            [1, 2],
            [3, 4],
          ],
        ],
        {},
        { known: [[0]] },
      ],
      [3, 4],
    ],
    [
      'Slice backwards by two',
      ['Slice', [[[5], [1, 2, 3, 4, 5]]], {}, { known: [[-1], [-6], [0], [-2]] }],
      [5, 3, 1],
    ],
    ['ReduceSum by an input', ['ReduceSum', [x], { keepdims: 0 }, { known: [[1]] }], [2, -5]],
    [
      'ReduceMean by an attribute',
      ['ReduceMean', [x], { axes: [0], keepdims: 0 }],
      [-1.5, 1.5, -1.5],
    ],
    [
      'Softmax before 13 as a matrix',
      [
        'Softmax',
        [
          [
            [1, 2, 1],
            [0, 0],
          ],
        ],
        { axis: 1 },
        { opset: 11 },
      ],
      [0.5, 0.5],
    ],
    [
      'Pad reflects',
      ['Pad', [[[3], [1, 2, 3]]], { mode: 'reflect' }, { known: [[2, 1]] }],
      [3, 2, 1, 2, 3, 2],
    ],
    ['Gather from the end', ['Gather', [[[3], [7, 8, 9]]], {}, { known: [[-1, 0]] }], [9, 7]],
    [
      'CumSum reversed',
      ['CumSum', [[[3], [1, 2, 3]]], { reverse: 1 }, { known: [[0]] }],
      [6, 5, 3],
    ],
    [
      'DepthToSpace',
      [
        'DepthToSpace',
        [
          [
            [1, 4, 1, 1],
            [1, 2, 3, 4],
          ],
        ],
        { blocksize: 2 },
      ],
      [1, 2, 3, 4],
    ],
    [
      'Resize halves',
      [
        'Upsample',
        [
          [
            [1, 1, 1, 2],
            [1, 2],
          ],
        ],
        { mode: 'nearest', scales: 0 },
        { opset: 8 },
      ],
      [],
    ],
    [
      'Mod has the sign of the divisor',
      [
        'Mod',
        [
          [[2], [-7, 7]],
          [[2], [3, -3]],
        ],
        { fmod: 0 },
      ],
      [2, -2],
    ],
    [
      'Einsum',
      [
        'Einsum',
        [
          [[2], [1, 2]],
          [[2], [3, 4]],
        ],
        { equation: 'i,i->' },
      ],
      [11],
    ],
    [
      'ConvTranspose with a stride',
      [
        'ConvTranspose',
        [
          [
            [1, 1, 2],
            [1, 2],
          ],
          [
            [1, 1, 2],
            [1, 10],
          ],
        ],
        { strides: [2] },
      ],
      [1, 10, 2, 20],
    ],
    [
      'ConvTranspose with more behind',
      [
        'ConvTranspose',
        [
          [
            [1, 1, 2],
            [1, 2],
          ],
          [[1, 1, 1], [3]],
        ],
        { strides: [2], output_padding: [1] },
      ],
      [3, 0, 6, 0],
    ],
    [
      'AveragePool leaves uneven padding out',
      [
        'AveragePool',
        [
          [
            [1, 1, 3],
            [3, 6, 9],
          ],
        ],
        { kernel_shape: [2], pads: [0, 1] },
      ],
      [4.5, 7.5, 9],
    ],
    ['Atan', ['Atan', [[[3], [-5, 0.5, 1]]]], [Math.atan(-5), Math.atan(0.5), Math.atan(1)]],
    ['Round to even', ['Round', [[[4], [0.5, 1.5, -2.5, 2.4]]]], [0, 2, -2, 2]],
  ])('%s', async (name, call, wanted) => {
    if (name === 'Resize halves') {
      await expect(nodeResult(...call)).rejects.toThrow(/BTC5110.*Upsample of operator set 8/);
      return;
    }
    expectClose(await nodeResult(...call), wanted, 1e-6);
  });

  test('indices that are known count from the end in folded shapes too', async () => {
    const bytes = onnxModel({
      inputs: [onnxValue('x', [2, 3, 5])],
      outputs: ['y'],
      nodes: [
        onnxNode('Shape', ['x'], ['s']),
        onnxNode('Constant', [], ['at'], { value: onnxTensor('', [1], [-1], INT64) }),
        onnxNode('Gather', ['s', 'at'], ['last']),
        onnxNode('Constant', [], ['open'], { value: onnxTensor('', [1], [-1], INT64) }),
        onnxNode('Concat', ['open', 'last'], ['shape'], { axis: 0 }),
        onnxNode('Reshape', ['x', 'shape'], ['y']),
      ],
    });
    const { outputs } = await fromOnnx(bytes);
    expect(outputs).toEqual([{ name: 'y', type: 'float', shape: [6, 5] }]);
  });
});

describe('models', () => {
  test('have layers where weights are of their own, and channels last in between', () => {
    const { text } = modelText(imageModel(), {}, { source: 'm.onnx', weights: 'm.safetensors' });
    expect(text.match(/transpose\(/g)).toHaveLength(2);
    for (const line of [
      "const batch = option('batch', 1);",
      'image: tensor([batch, 3, 8, 8]),',
      "convolution(3, 4, { kernel: 3, padding: 1, name: 'stem' })",
      "batchNorm(4, { name: 'norm' })",
      "convolution(4, 4, { kernel: 3, padding: 1, groups: 4, bias: false, name: 'deep' })",
      "linear(64, 5, { name: 'fc' })",
      '[batch, 64]',
    ])
      expect(text).toContain(line);
  });

  test('keep axes open that masks and positions follow', () => {
    const { text, options, fixed } = modelText(
      textModel(),
      { dimensions: { time: 7 } },
      { source: 't.onnx', weights: 't.safetensors' },
    );
    expect({ options, fixed }).toEqual({ options: ['batch', 'time'], fixed: [] });
    expect(text).toContain("embedding(11, 8, { name: 'embed' })(tokens)");
    expect(text).toContain("linear(8, 24, { name: 'query' })");
    expect(text).toContain("const time = option('time', 7);");
  });

  test.each([
    ['images', imageModel, { image: numbers(2 * 3 * 64) }, { batch: 2 }],
    ['text', textModel, { tokens: [3, 1, 4, 1, 5, 9, 2, 6, 5, 3] }, { batch: 2, time: 5 }],
    ['control', controlModel, { x: numbers(12) }, {}],
  ])('%s: text, import and wasm agree', async (name, bytes, inputs, set) => {
    const made = await fromOnnx(bytes(), { dimensions: set });
    const wanted = predicted(made, inputs);
    const { text, weights } = modelText(bytes(), {}, { source: name, weights: `${name}.st` });
    const body = text
      .replace('export default', 'return')
      .replace(/^import[\s\S]*?btc-compiler';$/m, '');
    const { plan, module, diagnostics } = await compileText(`(() => {${body}})()`, {
      ...{ target: 'wasm', set },
    });
    expect(diagnostics).toEqual([]);
    const session = await load(plan!, { module: module!, parameters: weights });
    const typed = Object.fromEntries(
      Object.entries(inputs).map(([key, list]) => [
        key,
        name === 'text' ? Int32Array.from(list) : Float32Array.from(list),
      ]),
    );
    const results = await session.run('predict', typed);
    for (const [output, values] of Object.entries(wanted))
      expectClose(results[output] as unknown as ArrayLike<number>, values);
    session.destroy();
  });

  test.each([
    ['LSTM', 4, {}],
    ['GRU', 3, { linear_before_reset: 1 }],
    ['RNN', 1, {}],
  ] as const)('%s is a layer, and the same as step by step', async (op, gates, attributes) => {
    const size = gates * 5;
    const [W, R] = [
      [1, size, 3],
      [1, size, 5],
    ] as const;
    const B = [1, 2 * size] as const;
    const values = [W, R, B].map((dims, k) =>
      numbers(
        dims.reduce((a, b) => a * b, 1),
        k + 1,
      ),
    );
    const node = onnxNode(op, ['x', 'W', 'R', 'B'], ['y'], { hidden_size: 5, ...attributes });
    const x = onnxValue('x', [4, 2, 3]);
    const own = onnxModel({
      ...{ inputs: [x], outputs: ['y'], nodes: [node] },
      weights: [W, R, B].map((dims, k) => onnxTensor('WRB'[k], dims, values[k])),
    });
    const given = onnxModel({
      ...{ outputs: ['y'], nodes: [node] },
      inputs: [x, ...[W, R, B].map((dims, k) => onnxValue('WRB'[k], dims))],
    });
    const { text } = modelText(own, {}, { source: 'm.onnx', weights: 'm.safetensors' });
    expect(text).toContain(`${op.toLowerCase()}(3, 5, { name: '`);
    const inputs = { x: numbers(24, 9), W: values[0], R: values[1], B: values[2] };
    const layer = predicted(await fromOnnx(own), { x: inputs.x });
    expectClose(layer['y'], predicted(await fromOnnx(given), inputs)['y'], 1e-6);
  });

  test('are trained', async () => {
    const { model, parameters } = await fromOnnx(imageModel(), {
      dimensions: { batch: 4 },
      inputs: { label: tensor([4], 'i32') },
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: sgd({ learningRate: 0.05 }),
      },
    });
    const { plan, module, diagnostics } = await compile(model, { target: 'wasm' });
    expect(diagnostics).toEqual([]);
    const session = await load(plan!, { module: module!, parameters });
    const image = Float32Array.from(numbers(4 * 3 * 64));
    const label = Int32Array.of(0, 1, 2, 3);
    const losses: number[] = [];
    for (let step = 0; step < 12; step++)
      losses.push(Number((await session.run('train', { image, label }))['loss']));
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]);
    session.destroy();
  });

  test('take axes as options of compile', async () => {
    const { plan } = await compile(async () => (await fromOnnx(textModel())).model, {
      ...{ target: 'wasm', set: { batch: 3, time: 2 } },
    });
    expect(plan!.programs['predict'].inputs[0].shape).toEqual([3, 2]);
  });

  test('take the values of inputs that decide shapes', async () => {
    const bytes = onnxModel({
      inputs: [onnxValue('x', [2, 6]), onnxValue('shape', [2], INT64)],
      outputs: ['y'],
      nodes: [onnxNode('Reshape', ['x', 'shape'], ['y'])],
    });
    await expect(fromOnnx(bytes)).rejects.toThrow(
      "BTC5111: node 'Reshape_y': Reshape of operator set 17: the shape of the result must be known when the model is built, but its input 'shape' is computed; give 'shape' its values",
    );
    const { outputs } = await fromOnnx(bytes, { values: { shape: [3, -1] } });
    expect(outputs[0].shape).toEqual([3, 4]);
    await expect(fromOnnx(bytes)).rejects.toThrow(OnnxError);
  });
});
