import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WeightsReport } from '../../compiler/cli/weights.ts';
import { encodeSafetensors } from '../../ir/safetensors.ts';
import { createProject, type Project } from '../support/project.ts';

let project: Project;
const path = (name: string) => join(project.folder, name);
const weights = (...args: string[]) => project.btc('weights', ...args);

const MODEL = `import { defineModel, layerNorm, linear, tensor } from 'btc-compiler';
export default defineModel({
  name: 'small',
  inputs: { x: tensor([2, 3]) },
  build({ x }) {
    return { y: linear(4, 4, { name: 'last' })(layerNorm(4, { name: 'norm' })(linear(3, 4, { name: 'first' })(x))) };
  },
});
`;
const file = (shapes: Readonly<Record<string, readonly number[]>>) =>
  encodeSafetensors(
    Object.entries(shapes).map(([name, shape]) => {
      const count = shape.reduce((product, extent) => product * extent, 1);
      return [name, { dtype: 'f32', shape, data: new Float32Array(count) }];
    }),
  );
const PYTORCH = {
  'first.weight': [4, 3],
  'first.bias': [4],
  'norm.weight': [4],
  'norm.bias': [4],
  'last.weight': [4, 4],
  'last.bias': [4],
};

beforeAll(() => {
  project = createProject();
  project.write('model.ts', MODEL);
  writeFileSync(path('torch.safetensors'), file(PYTORCH));
  const { 'last.bias': _, ...others } = PYTORCH;
  writeFileSync(
    path('partly.safetensors'),
    file({ ...others, 'first.bias': [5], 'last.biases': [4], 'norm.num_batches_tracked': [1] }),
  );
  writeFileSync(path('broken.safetensors'), 'no tensors');
  writeFileSync(
    path('m.safetensors.index.json'),
    JSON.stringify({ weight_map: { 'first.weight': 'torch.safetensors' } }),
  );
  expect(project.btc('build', 'model.ts', '--target', 'wasm').code).toBe(0);
});
afterAll(() => project.remove());

describe('btc weights', () => {
  test('lists what is in a file', () => {
    const { code, stdout } = weights('torch.safetensors');
    expect(code).toBe(0);
    expect(stdout).toBe(`torch.safetensors: 6 tensors, 44 elements, 176 B
  tensor        dtype  shape   size
  first.weight  F32    [4, 3]  48 B
  first.bias    F32    [4]     16 B
  norm.weight   F32    [4]     16 B
  norm.bias     F32    [4]     16 B
  last.weight   F32    [4, 4]  64 B
  last.bias     F32    [4]     16 B
`);
  });

  test('says by which layout a file fits a plan or a model', () => {
    for (const plan of ['out/model.wasm.plan.json', 'model.ts']) {
      const { code, stdout, stderr } = weights('torch.safetensors', plan);
      expect(stderr).toBe('');
      expect(stdout).toContain(`small: 6 of 6 parameters and states fit with layout: 'pytorch'
  first.weight  [3, 4]  from first.weight  transposed
  first.bias    [4]     from first.bias
  norm.scale    [4]     from norm.weight
`);
      expect(code).toBe(0);
    }
  });

  test('says what is missing, does not fit and is left over, and what would do', () => {
    const { code, stdout } = weights('partly.safetensors', 'out/model.wasm.plan.json');
    expect(code).toBe(1);
    expect(stdout).toContain(`missing (missing: 'initial' leaves them as they are)
  last.bias  [4]    'last.biases'?
does not fit
  first.bias  tensor 'first.bias' is f32[5]; for 'first.bias' the plan wants f32[4]
left over (unused: 'ignore' leaves them out)
  last.biases
ignored
  norm.num_batches_tracked
`);
    const own = weights('torch.safetensors', 'out/model.wasm.plan.json', '--layout', 'btc');
    expect(own.code).toBe(1);
    expect(own.stdout).toContain(
      "tensor 'first.weight' is f32[4,3]; for 'first.weight' the plan wants f32[3,4]; with layout 'pytorch' it would fit",
    );
  });

  test('as JSON', () => {
    const { code, stdout } = weights(
      ...['partly.safetensors', 'model.ts', '--json', '--rename', 'last\\.biases$=last.bias'],
    );
    const report = JSON.parse(stdout) as WeightsReport;
    expect(code).toBe(1);
    expect(report.tensors[0]).toEqual({
      ...{ name: 'first.weight', dtype: 'F32', shape: [4, 3], bytes: 48 },
      file: 'partly.safetensors',
    });
    expect(report).toMatchObject({ elements: 46, bytes: 184, file: 'partly.safetensors' });
    expect(report.plan).toMatchObject({
      ...{ name: 'small', layout: 'pytorch', missing: [], left: [] },
      ignored: ['norm.num_batches_tracked'],
    });
    expect(report.plan!.fits.find(({ name }) => name === 'last.bias')).toEqual({
      ...{ name: 'last.bias', shape: [4], from: ['last.biases'], change: null },
    });
  });

  test('reads the index of several files', () => {
    const { code, stdout } = weights('m.safetensors.index.json', '--json');
    expect(code).toBe(0);
    const [tensor] = (JSON.parse(stdout) as WeightsReport).tensors;
    expect(tensor).toMatchObject({ name: 'first.weight', file: 'torch.safetensors' });
  });

  test('refuses what it cannot read in one line', () => {
    const refused = (...args: string[]) => {
      const { code, stdout, stderr } = weights(...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      return stderr;
    };
    expect(refused('none.safetensors')).toBe("error BTC6003: 'none.safetensors' does not exist\n");
    expect(refused('broken.safetensors')).toMatch(
      /^error BTC5010: 'broken\.safetensors' is not a valid safetensors file: the header's length is \d+ bytes, but only 2 follow\n$/,
    );
    expect(refused('torch.safetensors', 'none.plan.json')).toBe(
      "error BTC6003: 'none.plan.json' does not exist\n",
    );
    expect(refused('torch.safetensors', 'none.ts')).toContain('BTC6003');
    expect(refused('torch.safetensors', 'model.ts', '--rename', '(=x')).toContain('BTC6011');
    expect(refused('torch.safetensors', 'model.ts', '--rename', 'x')).toContain('BTC6004');
    expect(refused('torch.safetensors', 'model.ts', '--layout', 'torch')).toContain('BTC6011');
  });

  test('finds in the plan what is in the plan', () => {
    const plan = JSON.parse(readFileSync(path('out/model.wasm.plan.json'), 'utf8'));
    const first = plan.tensors.find(({ name }: { name: string }) => name === 'first.weight');
    expect(first.layer).toEqual({ kind: 'linear', part: 'weight' });
  });
});
