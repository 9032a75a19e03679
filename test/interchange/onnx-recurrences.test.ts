import { describe, expect, test } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import {
  compile,
  defineModel,
  exportOnnx,
  fromOnnx,
  gru,
  type Inputs,
  init,
  lstm,
  type Model,
  param,
  rnn,
  type Tensor,
  tensor,
} from '../../compiler/index.ts';
import { modelText } from '../../compiler/interchange/onnx/to-typescript.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { decodeSafetensors, encodeSafetensors } from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import { INT64, onnxModel, onnxNode, onnxTensor, onnxValue } from '../support/onnx.ts';
import { numbers } from '../support/onnx-models.ts';

// Recurrent layers are laid out in time before a model is exported. What comes back is a layer again, with the same numbers.

const X = { x: tensor([2, 3, 4]) };
const model = (inputs: Inputs, build: (given: Record<string, Tensor>) => Record<string, Tensor>) =>
  defineModel({ name: 'm', inputs, build });

type Arrays = Readonly<Record<string, ArrayLike<number>>>;

function outputsOf(source: Model, parameters: Arrays, inputs: Arrays) {
  const traced = traceModel(source);
  expect(traced.diagnostics).toEqual([]);
  const graph = traced.programs[0].graph;
  const values = Object.entries(parameters).map(([name, data]) => [name, Float64Array.from(data)]);
  return interpretGraph(graph, inputs, Object.fromEntries(values)).outputs;
}

/** A model exported and imported: its text, and that it computes the same of inputs that are numbers. */
async function back(source: Model): Promise<string> {
  const { plan } = await compile(source, { target: 'wasm' });
  const own = Object.fromEntries(
    plan!.tensors
      .filter(({ role }) => role === 'parameter')
      .map(({ name, shape }, k) => {
        const some = numbers(elementCount(shape), k + 1);
        const data = Float32Array.from(some, (value) => (name === 'start' ? 0 : value));
        return [name, { dtype: 'f32', shape, data }] as const;
      }),
  );
  const weights = encodeSafetensors(Object.entries(own));
  const { bytes, diagnostics } = await exportOnnx(source, { weights });
  expect(diagnostics).toEqual([]);
  const { model: again, parameters } = await fromOnnx(bytes!);
  const inputs = Object.fromEntries(
    Object.entries(source.definition.inputs).map(([name, { shape, dtype }], k) => [
      name,
      dtype === 'i32' ? [2, 3] : numbers(elementCount(shape), k + 20),
    ]),
  );
  const held = [...decodeSafetensors(parameters).tensors].map(([name, { data }]) => [
    name,
    data as Float32Array,
  ]);
  const mine = Object.entries(own).map(([name, { data }]) => [name, data]);
  const wanted = outputsOf(source, Object.fromEntries(mine), inputs);
  const given = outputsOf(again, Object.fromEntries(held), inputs);
  expect(Object.keys(given)).toEqual(Object.keys(wanted));
  for (const [name, values] of Object.entries(wanted))
    values.forEach((value, k) => {
      expect(given[name][k], `${name}[${k}]`).toBeCloseTo(value, 6);
    });
  const { text } = modelText(bytes!, {}, { source: 'm.onnx', weights: 'm.safetensors' });
  const body = text.slice(text.indexOf('build('), text.indexOf('// To train'));
  return body.replace(/\s*\/\/.*\n/g, '\n').replace(/\s+/g, ' ');
}

describe('a layer comes back', () => {
  test.each<[string, Model, string]>([
    [
      'an LSTM, all that it gives',
      model(X, ({ x }) => {
        const { outputs, state } = lstm(4, 5, { name: 'cell' })(x);
        return { outputs, hidden: state.hidden, cell: state.cell! };
      }),
      "build({ x }) { const cell = lstm(4, 5, { name: 'cell' })(x); return { outputs: cell.outputs, hidden: cell.state.hidden, cell: cell.state.cell }; }, ",
    ],
    [
      'a GRU, its last state alone',
      model(X, ({ x }) => ({ hidden: gru(4, 5, { name: 'cell' })(x).state.hidden })),
      "build({ x }) { return { hidden: gru(4, 5, { name: 'cell' })(x).state.hidden }; }, ",
    ],
    [
      'an Elman network, one step of it',
      model(X, ({ x }) => ({ mid: rnn(4, 5, { name: 'cell' })(x).outputs.slice(1, 1, 2) })),
      "const x16 = reshape(rnn(4, 5, { name: 'cell' })(slice(x, 1, 0, 2)).state.hidden, [2, 1, 5]); return { mid: x16 };",
    ],
    [
      'one with relu',
      model(X, ({ x }) => ({
        y: rnn(4, 4, { name: 'cell', nonlinearity: 'relu' })(x).outputs,
      })),
      "build({ x }) { return { y: rnn(4, 4, { name: 'cell', nonlinearity: 'relu' })(x).outputs }; }, ",
    ],
    [
      'from states that are given',
      model({ ...X, h: tensor([2, 5]), c: tensor([2, 5]) }, ({ x, h, c }) => ({
        y: lstm(4, 5, { name: 'cell' })(x, { hidden: h, cell: c }).outputs,
      })),
      "build({ x, h, c }) { return { y: lstm(4, 5, { name: 'cell' })(x, { hidden: h, cell: c }).outputs }; }, ",
    ],
    [
      'from a state that is trained, and begins with zeros',
      model(X, ({ x }) => {
        const hidden = param('start', [2, 5], init.zeros);
        return { hidden: gru(4, 5, { name: 'cell' })(x, { hidden }).state.hidden };
      }),
      "gru(4, 5, { name: 'cell' })( x, { hidden: param('start', [2, 5], init.glorotUniform) }, ).state.hidden",
    ],
    [
      'a stack in both directions',
      model(X, ({ x }) => ({
        y: gru(4, 5, { name: 'cell', layers: 2, bidirectional: true })(x).outputs,
      })),
      "gru(10, 5, { name: 'cell.layer2' })(x136).outputs, gru(10, 5, { name: 'cell.layer2.reverse' })(x136, undefined, { reverse: true }).outputs",
    ],
  ])('%s', async (_, source, wanted) => {
    expect(await back(source)).toContain(wanted);
  });
});

describe('what is more than a layer stays as it is written, and computes the same', () => {
  test.each<[string, Model]>([
    [
      'sequences of lengths of their own',
      model({ ...X, n: tensor([2], 'i32') }, ({ x, n }) => ({
        y: lstm(4, 5, { name: 'cell' })(x, undefined, { lengths: n }).outputs,
      })),
    ],
    [
      'a layer that is called twice',
      model({ ...X, z: tensor([2, 3, 4]) }, ({ x, z }) => {
        const cell = lstm(4, 5, { name: 'cell' });
        return { first: cell(x).outputs, second: cell(z).outputs };
      }),
    ],
    [
      'a cell whose states are looked into',
      model(X, ({ x }) => {
        const cell = lstm(4, 5, { name: 'cell' });
        const at = (k: number) => x.slice(1, k, k + 1).squeeze(1);
        const zero = { hidden: at(0).sum().mul(0).broadcastTo([2, 5]) };
        const first = cell.step(at(0), { ...zero, cell: zero.hidden });
        const second = cell.step(at(1), first);
        return { y: second.hidden, c: first.cell! };
      }),
    ],
    [
      'one sequence alone',
      model({ x: tensor([1, 3, 4]) }, ({ x }) => ({ y: gru(4, 5, { name: 'cell' })(x).outputs })),
    ],
    [
      'one step alone',
      model({ x: tensor([2, 1, 4]) }, ({ x }) => ({ y: lstm(4, 5, { name: 'cell' })(x).outputs })),
    ],
  ])('%s', async (_, source) => {
    expect(await back(source)).not.toMatch(/\b(?:lstm|gru|rnn)\(/);
  });
});

test('steps whose names go in a circle are the mistake of the file that they are', async () => {
  const H = 2;
  const step = (at: number, from: string, to: string) => [
    onnxNode('Slice', ['all', `c${at}`, `c${at + 1}`, 'one'], [`${to}.part`]),
    onnxNode('Reshape', [`${to}.part`, 'row'], [`${to}.in`]),
    onnxNode('MatMul', [from, 'w'], [`${to}.product`]),
    onnxNode('Add', [`${to}.in`, `${to}.product`], [`${to}.sum`]),
    onnxNode('Tanh', [`${to}.sum`], [to]),
  ];
  const bytes = onnxModel({
    inputs: [onnxValue('all', [2, 3, H]), onnxValue('h0', [2, H])],
    outputs: ['h1'],
    weights: [
      onnxTensor('w', [H, H], [1, 2, 3, 4]),
      onnxTensor('row', [2], [2, H], INT64),
      onnxTensor('one', [1], [1], INT64),
      ...[0, 1, 2, 3].map((k) => onnxTensor(`c${k}`, [1], [k], INT64)),
    ],
    nodes: [...step(0, 'h0', 'h1'), ...step(1, 'h1', 'h2'), ...step(2, 'h2', 'h1')],
  });
  await expect(fromOnnx(bytes)).rejects.toThrow(
    "BTC5108: node 'Slice_h1.part' (Slice) gives 'h1.part'",
  );
});
