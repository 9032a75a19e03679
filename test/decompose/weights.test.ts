import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { errorOf, randomMatrix } from './random-matrix.ts';

function random(shape: readonly number[], seed: number): SafetensorsTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return { dtype: 'f32', shape, data: Float32Array.from(randomMatrix(count, 1, seed).data) };
}

const TENSORS: readonly (readonly [string, SafetensorsTensor])[] = [
  ['encoder.bias', random([12], 1)],
  ['encoder.weight', random([8, 12], 2)],
  ['encoder.weight.m', random([8, 12], 3)],
  ['encoder.bias.m', random([12], 4)],
  ['cell.inputWeight', random([8, 24], 5)],
  ['cell.hiddenWeight', random([6, 24], 6)],
  ['ids', { dtype: 'i32', shape: [2, 2], data: Int32Array.of(1, 2, 3, 4) }],
];
const FILE = encodeSafetensors(TENSORS, { author: 'someone' });
const TRAIN: btc.FormRequest = {
  form: 'tensor-train',
  inputModes: [2, 4],
  outputModes: [4, 3],
  rank: 3,
};

test('the matrix gives way to its cores; all else stays as it is', () => {
  for (const layer of ['encoder', 'encoder.weight']) {
    const { weights } = btc.decomposeWeights(FILE, TRAIN, { layer });
    const { tensors, metadata } = decodeSafetensors(weights!.bytes);
    expect([...tensors.keys()]).toEqual([
      'encoder.bias',
      'encoder.weight.core1',
      'encoder.weight.core2',
      'encoder.bias.m',
      'cell.inputWeight',
      'cell.hiddenWeight',
      'ids',
    ]);
    for (const [name, tensor] of TENSORS)
      if (tensors.has(name)) expect(tensors.get(name)).toEqual(tensor);
    expect(Object.fromEntries(metadata)).toEqual({ author: 'someone' });
    expect(weights!.dropped).toEqual(['encoder.weight.m']);
    // The error is that of the numbers in the file.
    const cores = [1, 2].map((k) => tensors.get(`encoder.weight.core${k}`)!);
    const stored = cores.map(({ shape, data }, k) => ({
      name: `core${k + 1}`,
      shape,
      data: Float64Array.from(data),
    }));
    const dense = { rows: 8, columns: 12, data: TENSORS[1][1].data };
    const found = { ...weights!.decomposition, cores: stored };
    expect(errorOf(dense, found)).toBeCloseTo(found.relativeError, 12);
  }
});

test('gates follow from the shape of the hidden matrix', () => {
  const modes = { form: 'tucker', inputModes: [2, 4], outputModes: [2, 3], rank: 2 } as const;
  const { weights } = btc.decomposeWeights(FILE, modes, { layer: 'cell.inputWeight' });
  expect(weights!.gates).toBe(4);
  expect(weights!.decomposition.matrix.outputModes).toEqual([8, 3]);
  const { diagnostics } = btc.decomposeWeights(FILE, modes, {
    layer: 'cell.inputWeight',
    gates: 3,
  });
  expect(diagnostics.map(({ code }) => code)).toEqual(['BTC2017']);
});

describe('mistakes', () => {
  const messages = (bytes: Uint8Array, layer: string) => {
    const { weights, diagnostics } = btc.decomposeWeights(bytes, TRAIN, { layer, file: 'w' });
    expect(weights).toBeNull();
    return diagnostics.map(({ code, message }) => `${code} ${message}`);
  };
  const matrices =
    'it has encoder.weight [8, 12], cell.inputWeight [8, 24], cell.hiddenWeight [6, 24]';

  test.each([
    ['decoder', `BTC5011 'w' has no layer 'decoder' that can be decomposed; ${matrices}`],
    [
      'cell',
      "BTC5011 'w' has no layer 'cell' that can be decomposed; it has several matrices, name one of them: cell.inputWeight [8, 24], cell.hiddenWeight [6, 24]",
    ],
    [
      'encoder.bias',
      "BTC5012 tensor 'encoder.bias' is f32[12]; only f32 matrices can be decomposed",
    ],
    ['ids', "BTC5012 tensor 'ids' is i32[2,2]; only f32 matrices can be decomposed"],
  ])('layer %s', (layer, message) => {
    expect(messages(FILE, layer)).toEqual([message]);
  });

  test('a file that is none, or not whole', () => {
    expect(messages(FILE.slice(0, -4), 'encoder')[0]).toMatch(
      /^BTC5010 'w' is not a valid safetensors file: tensor 'ids'/,
    );
    expect(messages(Uint8Array.of(1, 2), 'encoder')[0]).toMatch(/^BTC5010/);
  });

  test('a file without matrices', () => {
    expect(messages(encodeSafetensors([TENSORS[0]]), 'encoder')[0]).toContain(
      'it has no f32 matrix',
    );
  });

  test('a name that is taken', () => {
    const bytes = encodeSafetensors([...TENSORS, ['encoder.weight.core2', random([2], 1)]]);
    expect(messages(bytes, 'encoder')).toEqual([
      "BTC5016 'w' has a tensor 'encoder.weight.core2' already, which is the name of a core",
    ]);
  });
});
