import { describe, expect, test } from 'vitest';
import { fromOnnx, OnnxError } from '../../compiler/index.ts';
import { requestOf, tryImport } from '../../compiler/interchange/onnx/index.ts';
import {
  externalTensor,
  INT64,
  onnxFunction,
  onnxGraph,
  onnxModel,
  onnxNode,
  onnxTensor,
  onnxValue,
} from '../support/onnx.ts';
import { controlModel, imageModel, textModel } from '../support/onnx-models.ts';

const x = onnxValue('x', [2, 3]);
const relu = onnxNode('Relu', ['x'], ['y']);
const model = (parts: Partial<Parameters<typeof onnxModel>[0]>) =>
  onnxModel({ inputs: [x], outputs: ['y'], nodes: [relu], ...parts });

/** A body in a body, and so on. */
function nested(depth: number) {
  const end = onnxGraph({ outputs: ['o'], nodes: [onnxNode('Identity', ['x'], ['o'])] });
  let graph = end;
  for (let k = 0; k < depth; k++) {
    const branch = onnxNode('If', ['yes'], ['o'], { then_branch: graph, else_branch: end });
    graph = onnxGraph({ outputs: ['o'], nodes: [branch] });
  }
  return graph;
}
const yes = onnxTensor('yes', [], [1], INT64);

describe('each mistake of a file is said by number, node and remedy', () => {
  test.each<[string, () => Uint8Array, string]>([
    ['no protobuf', () => Uint8Array.of(8, 255), 'BTC5100: this is no model of ONNX: '],
    ['nothing', () => new Uint8Array(), 'BTC5100: this is no model of ONNX: it holds no graph'],
    ['cut off', () => model({}).subarray(0, 60), 'BTC5100: this is no model of ONNX: '],
    [
      'a new operator set',
      () => model({ opset: 99 }),
      'BTC5101: the model is of operator set 99; those from 1 to 21 are known',
    ],
    [
      'strings',
      () => model({ inputs: [onnxValue('x', [2], 8)] }),
      "BTC5102: input 'x' is of type string; tensors of numbers with a shape are taken",
    ],
    [
      'a shape of billions',
      () => model({ weights: [onnxTensor('w', [4e9, 4e9], [])] }),
      "BTC5103: tensor 'w' is not what it says: [4000000000,4000000000] are more elements than can be",
    ],
    [
      'a negative extent',
      () => model({ weights: [onnxTensor('w', [-2], [1, 2])] }),
      "BTC5103: tensor 'w' is not what it says: its shape [-2] is none",
    ],
    [
      'too few values',
      () => model({ weights: [onnxTensor('w', [1000, 1000], [1, 2])] }),
      "BTC5103: tensor 'w' is not what it says: it has 2 values where its shape has 1000000 elements",
    ],
    [
      'complex numbers',
      () => model({ weights: [onnxTensor('w', [], [1], 14)] }),
      "BTC5104: tensor 'w' is complex64; tensors of numbers and bool are taken",
    ],
    ...['../secret', '/etc/passwd', 'a/../../b', 'C:\\x', ''].map(
      (location): [string, () => Uint8Array, string] => [
        `data at '${location}'`,
        () => model({ weights: [externalTensor('w', [2], { location })] }),
        location === ''
          ? "BTC5105: the external data of tensor 'w' cannot be had: it names no file"
          : `BTC5105: the external data of tensor 'w' cannot be had: '${location}' is outside of the model's folder`,
      ],
    ),
    [
      'data that was not given',
      () => model({ weights: [externalTensor('w', [2], { location: 'w.bin' })] }),
      "BTC5105: the external data of tensor 'w' cannot be had: its data is in 'w.bin', which was not given",
    ],
    [
      'an output that nothing gives',
      () => model({ outputs: ['z'] }),
      "BTC5106: the graph is not whole: of output 'z' nothing is computed",
    ],
    [
      'a cycle',
      () =>
        model({
          nodes: [onnxNode('Add', ['x', 'b'], ['y']), onnxNode('Relu', ['y'], ['b'])],
        }),
      "BTC5107: node 'Add_y' (Add) reads 'b', which nothing before it gives; nodes are in order, and a cycle has none",
    ],
    [
      'a name that is given twice',
      () => model({ nodes: [relu, relu] }),
      "BTC5108: node 'Relu_y' (Relu) gives 'y', which is there already",
    ],
    [
      'an output that is listed twice',
      () => model({ outputs: ['y', 'y'] }),
      "BTC5106: the graph is not whole: of output 'y' there are two",
    ],
    [
      'a node that gives a name twice',
      () => model({ nodes: [onnxNode('Split', ['x'], ['y', 'y'], { axis: 0 })] }),
      "BTC5108: node 'Split_y' (Split) gives 'y', which is there already",
    ],
    [
      'an output of another shape',
      () => model({ outputs: [onnxValue('y', [3, 2])] }),
      "BTC5118: output 'y', which node 'Relu_y' (Relu) gives, is [2, 3], but the file declares [3, 2]",
    ],
    [
      'an output of another rank',
      () => model({ outputs: [onnxValue('y', ['n'])] }),
      "BTC5118: output 'y', which node 'Relu_y' (Relu) gives, is [2, 3], but the file declares [?]",
    ],
    [
      'an output of another type',
      () => model({ outputs: [onnxValue('y', [2, 3], INT64)] }),
      "BTC5118: output 'y', which node 'Relu_y' (Relu) gives, is float, but the file declares int64",
    ],
    ...(
      [
        ['Concat', ['x', 'x'], {}, "it has no attribute 'axis'"],
        ['Cast', ['x'], {}, "it has no attribute 'to'"],
        ['Gemm', ['x', 'x', 'x', 'x'], {}, 'it has 4 inputs, and takes 3 at most'],
        ['Relu', ['x', 'x'], {}, 'it has 2 inputs, and takes one'],
        ['Add', ['x', '', 'x'], {}, 'it has 3 inputs, and takes 2 at most'],
      ] as const
    ).map(([op, inputs, attributes, reason]): [string, () => Uint8Array, string] => [
      `${op} as it cannot be`,
      () => model({ nodes: [onnxNode(op, inputs, ['y'], attributes)] }),
      `BTC5110: node '${op}_y': ${op} of operator set 17: ${reason}`,
    ]),
    [
      'an operator of somebody',
      () => model({ nodes: [onnxNode('Fuse', ['x'], ['y'], {}, 'com.corp')] }),
      "BTC5109: node 'Fuse_y': operator com.corp.Fuse of operator set 1 is not known",
    ],
    [
      'a name of JavaScript as an operator',
      () => model({ nodes: [onnxNode('constructor', ['x'], ['y'])] }),
      "BTC5109: node 'constructor_y': operator constructor of operator set 17 is not known",
    ],
    [
      'a mode that is none',
      () =>
        model({
          nodes: [onnxNode('Pad', ['x', 'p'], ['y'], { mode: 'odd' })],
          weights: [onnxTensor('p', [4], [1, 1, 1, 1], INT64)],
        }),
      "BTC5110: node 'Pad_y': Pad of operator set 17: its mode is 'odd'; constant, edge, reflect and wrap are",
    ],
    [
      'an integer beyond 32 bits',
      () =>
        model({
          inputs: [onnxValue('x', [2], INT64)],
          nodes: [onnxNode('Add', ['x', 'w'], ['y'])],
          weights: [onnxTensor('w', [2], [2 ** 40, 1], INT64)],
        }),
      "BTC5110: node 'Add_y': Add of operator set 17: the int64 1099511627776 does not fit into the 32 bits that btc has",
    ],
    [
      'a loop without end',
      () =>
        model({
          weights: [onnxTensor('n', [], [2 ** 52], INT64)],
          nodes: [
            onnxNode('Loop', ['n', '', 'x'], ['y'], {
              body: onnxGraph({
                inputs: [onnxValue('i', [], INT64), onnxValue('c', [], 9), onnxValue('v', [2, 3])],
                outputs: ['c2', 'v2'],
                nodes: [onnxNode('Identity', ['c'], ['c2']), onnxNode('Relu', ['v'], ['v2'])],
              }),
            }),
          ],
        }),
      "BTC5110: node 'Loop_y': Loop of operator set 17: it runs more than 10000 times; loops that are shorter are laid out",
    ],
    [
      'a loop of too many nodes',
      () =>
        model({
          weights: [onnxTensor('n', [], [9000], INT64)],
          nodes: [
            onnxNode('Loop', ['n', '', 'x'], ['y'], {
              body: onnxGraph({
                inputs: [onnxValue('i', [], INT64), onnxValue('c', [], 9), onnxValue('v', [2, 3])],
                outputs: ['c', 'v6'],
                nodes: [0, 1, 2, 3, 4, 5].map((k) =>
                  onnxNode('Identity', [k === 0 ? 'v' : `v${k}`], [`v${k + 1}`]),
                ),
              }),
            }),
          ],
        }),
      'BTC5112: the graph runs more than 50000 nodes, at ',
    ],
    [
      'graphs in graphs',
      () =>
        model({
          weights: [yes],
          nodes: [
            onnxNode('If', ['yes'], ['y'], { then_branch: nested(60), else_branch: nested(1) }),
          ],
        }),
      'BTC5100: this is no model of ONNX: ',
    ],
    [
      'a function that calls itself',
      () =>
        model({
          nodes: [onnxNode('Again', ['x'], ['y'], {}, 'own')],
          functions: [
            onnxFunction(
              'own',
              'Again',
              ['a'],
              ['b'],
              [onnxNode('Again', ['a'], ['b'], {}, 'own')],
            ),
          ],
        }),
      'BTC5113: graphs and functions are nested more than 48 deep',
    ],
    [
      'shapes that do not meet',
      () =>
        model({
          inputs: [x, onnxValue('z', [4])],
          nodes: [onnxNode('Add', ['x', 'z'], ['y'])],
        }),
      "BTC5114: node 'Add_y': shapes [2, 3] and [4] of 'add' do not broadcast",
    ],
  ])('%s', async (_, bytes, message) => {
    const error = await fromOnnx(bytes()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OnnxError);
    expect((error as Error).message.slice(0, message.length)).toBe(message);
  });

  test('options that the model has not', async () => {
    await expect(fromOnnx(model({}), { dimensions: { batch: 2 } })).rejects.toThrow(
      "BTC5115: 'batch' is not a name of the model; it has none",
    );
    const open = model({ inputs: [onnxValue('x', ['batch', 3])] });
    await expect(fromOnnx(open, { dimensions: { batch: 0 } })).rejects.toThrow(
      "BTC5116: axis 'batch' is 0; it must be a positive integer",
    );
  });
});

test('a shape of a billion elements takes no memory before it is known to be wanted', async () => {
  const bytes = model({
    weights: [onnxTensor('s', [2], [40_000, 40_000], INT64)],
    nodes: [
      onnxNode('ConstantOfShape', ['s'], ['big']),
      onnxNode('ReduceSum', ['big'], ['total'], { keepdims: 0 }),
      onnxNode('Add', ['x', 'total'], ['y']),
    ],
  });
  const before = process.memoryUsage().arrayBuffers;
  const { outputs } = await fromOnnx(bytes);
  expect(outputs[0].shape).toEqual([2, 3]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
});

/** The same numbers each time (Marsaglia's xorshift). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Bytes changed, cut out, doubled or cut off. */
function mutated(bytes: Uint8Array, next: () => number): Uint8Array {
  const copy = Array.from(bytes);
  const at = () => Math.floor(next() * copy.length);
  for (let change = 1 + Math.floor(next() * 4); change > 0; change--) {
    const place = at();
    const ways = [
      () => copy.splice(place, 1, Math.floor(next() * 256)),
      () => copy.splice(place, 1, copy[place] ^ (1 << Math.floor(next() * 8))),
      () => copy.splice(place, Math.floor(next() * 8)),
      () => copy.splice(place, 0, ...copy.slice(place, place + Math.floor(next() * 32))),
      () => copy.splice(Math.max(1, place)),
    ];
    ways[Math.floor(next() * ways.length)]();
  }
  return Uint8Array.from(copy);
}

test('2,000 mutated files are imported or refused, and nothing else', () => {
  const sources = [imageModel(), textModel(), controlModel(), model({})];
  const next = random(20_011);
  let refused = 0;
  for (let k = 0; k < 2000; k++) {
    const bytes = mutated(sources[k % sources.length], next);
    try {
      const request = requestOf(bytes, {});
      tryImport(request, request.defaults);
    } catch (error) {
      if (!(error instanceof OnnxError)) throw new Error(`file ${k}`, { cause: error });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(500);
  expect(refused).toBeLessThan(2000);
});
