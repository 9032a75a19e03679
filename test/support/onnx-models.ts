import { FLOAT, INT64, onnxGraph, onnxModel, onnxNode, onnxTensor, onnxValue } from './onnx.ts';

/** Numbers that look random and are the same each time. */
export const numbers = (count: number, seed = 1): number[] =>
  Array.from({ length: count }, (_, k) => Math.fround(Math.sin(12.9898 * (k + 1) + 78.233 * seed)));

const weight = (name: string, dims: readonly number[], seed = 1) =>
  onnxTensor(
    name,
    dims,
    numbers(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  );

const integers = (name: string, values: readonly number[]) =>
  onnxTensor(name, [values.length], values, INT64);

/** A network of images, with a batch that is open, as exporters write them. */
export const imageModel = (): Uint8Array =>
  onnxModel({
    name: 'images',
    inputs: [onnxValue('image', ['batch', 3, 8, 8])],
    outputs: ['logits'],
    weights: [
      weight('stem.weight', [4, 3, 3, 3]),
      weight('stem.bias', [4], 2),
      weight('norm.weight', [4], 3),
      weight('norm.bias', [4], 4),
      weight('norm.running_mean', [4], 5),
      onnxTensor('norm.running_var', [4], [0.5, 1, 1.5, 2]),
      weight('deep.weight', [4, 1, 3, 3], 6),
      weight('fc.weight', [5, 64], 7),
      weight('fc.bias', [5], 8),
      integers('tail', [-1]),
    ],
    nodes: [
      onnxNode('Conv', ['image', 'stem.weight', 'stem.bias'], ['c'], {
        ...{ kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      }),
      onnxNode(
        'BatchNormalization',
        ['c', 'norm.weight', 'norm.bias', 'norm.running_mean', 'norm.running_var'],
        ['n'],
      ),
      onnxNode('Relu', ['n'], ['r']),
      onnxNode('Conv', ['r', 'deep.weight'], ['d'], {
        ...{ kernel_shape: [3, 3], pads: [1, 1, 1, 1], group: 4 },
      }),
      onnxNode('Add', ['d', 'r'], ['a']),
      onnxNode('MaxPool', ['a'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }),
      // Flattened as PyTorch's `x.view(x.size(0), -1)` does it.
      onnxNode('Shape', ['p'], ['s']),
      onnxNode('Constant', [], ['zero'], { value: onnxTensor('', [], [0], INT64) }),
      onnxNode('Gather', ['s', 'zero'], ['b']),
      onnxNode('Constant', [], ['axes'], { value: onnxTensor('', [1], [0], INT64) }),
      onnxNode('Unsqueeze', ['b', 'axes'], ['u']),
      onnxNode('Concat', ['u', 'tail'], ['shape'], { axis: 0 }),
      onnxNode('Reshape', ['p', 'shape'], ['f']),
      onnxNode('Gemm', ['f', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }),
    ],
  });

/** A block of attention over tokens, with batch and time open. */
export const textModel = (): Uint8Array =>
  onnxModel({
    name: 'text',
    inputs: [onnxValue('tokens', ['batch', 'time'], INT64)],
    outputs: ['scores'],
    weights: [
      weight('embed.weight', [11, 8]),
      weight('onnx::MatMul_7', [8, 24], 2),
      weight('query.bias', [24], 3),
      weight('ln.weight', [8], 4),
      weight('ln.bias', [8], 5),
      weight('head', [8, 11], 6),
      integers('parts', [8, 8, 8]),
    ],
    nodes: [
      onnxNode('Gather', ['embed.weight', 'tokens'], ['e']),
      onnxNode('LayerNormalization', ['e', 'ln.weight', 'ln.bias'], ['l'], { axis: -1 }),
      onnxNode('MatMul', ['l', 'onnx::MatMul_7'], ['m']),
      onnxNode('Add', ['query.bias', 'm'], ['qkv']),
      onnxNode('Split', ['qkv', 'parts'], ['q', 'k', 'v'], { axis: -1 }),
      onnxNode('Transpose', ['k'], ['kt'], { perm: [0, 2, 1] }),
      onnxNode('MatMul', ['q', 'kt'], ['dots']),
      onnxNode('Shape', ['tokens'], ['ts']),
      onnxNode('Constant', [], ['one'], { value: onnxTensor('', [], [-1], INT64) }),
      onnxNode('Gather', ['ts', 'one'], ['t']),
      onnxNode('Constant', [], ['from'], { value: onnxTensor('', [], [0], INT64) }),
      onnxNode('Constant', [], ['step'], { value: onnxTensor('', [], [1], INT64) }),
      onnxNode('Range', ['from', 't', 'step'], ['places']),
      onnxNode('Constant', [], ['last'], { value: onnxTensor('', [1], [1], INT64) }),
      onnxNode('Unsqueeze', ['places', 'last'], ['rows']),
      onnxNode('LessOrEqual', ['places', 'rows'], ['seen']),
      onnxNode('Constant', [], ['never'], { value: onnxTensor('', [], [-1e9]) }),
      onnxNode('Where', ['seen', 'dots', 'never'], ['masked']),
      onnxNode('Softmax', ['masked'], ['share'], { axis: -1 }),
      onnxNode('MatMul', ['share', 'v'], ['mixed']),
      onnxNode('Add', ['mixed', 'e'], ['sum']),
      onnxNode('MatMul', ['sum', 'head'], ['scores']),
    ],
  });

/** A loop that adds its turn, a branch, and an LSTM. */
export const controlModel = (): Uint8Array =>
  onnxModel({
    name: 'control',
    inputs: [onnxValue('x', [4, 1, 3])],
    outputs: ['y', 'looped'],
    weights: [
      weight('W', [1, 20, 3]),
      weight('R', [1, 20, 5], 2),
      weight('B', [1, 40], 3),
      onnxTensor('turns', [], [3], INT64),
    ],
    nodes: [
      onnxNode('LSTM', ['x', 'W', 'R', 'B'], ['y', 'h', 'c'], { hidden_size: 5 }),
      onnxNode('Loop', ['turns', '', 'x'], ['looped'], {
        body: onnxGraph({
          inputs: [onnxValue('i', [], INT64), onnxValue('go', [], 9), onnxValue('v', [4, 1, 3])],
          outputs: ['go_on', 'next'],
          nodes: [
            onnxNode('Identity', ['go'], ['go_on']),
            onnxNode('Cast', ['i'], ['turn'], { to: FLOAT }),
            onnxNode('Add', ['v', 'turn'], ['next']),
          ],
        }),
      }),
    ],
  });
