import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { StableHloManifest } from '../../compiler/index.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { elementCount } from '../../ir/tensor.ts';
import { btc } from '../support/btc.ts';
import { createProject } from '../support/project.ts';
import { expectClose, runMain, validModule } from '../support/stablehlo/agreement.ts';

const folder = mkdtempSync(join(tmpdir(), 'btc-export-'));
const project = createProject();
afterAll(() => {
  rmSync(folder, { recursive: true });
  project.remove();
});
const SMALL = `import { adam, crossEntropy, defineModel, dropout, linear, option, tensor } from 'btc-compiler';
const [batch, hidden] = [option('batch', 2), option('hidden', 4)];
export default defineModel({
  name: 'small',
  inputs: { x: tensor([batch, 3]), y: tensor([batch], 'i32') },
  build: ({ x }) => ({ logits: linear(hidden, 5)(dropout(linear(3, hidden)(x).relu(), 0.2)) }),
  train: { loss: ({ logits }, { y }) => crossEntropy(logits, y), optimizer: adam({ learningRate: 0.01 }) },
});
`;
const MODEL = 'examples/digits/model.ts';

test('btc export writes a module of StableHLO, what it is, and what it starts with', () => {
  const output = join(folder, 'train.mlir');
  const args = ['export', MODEL, '--format', 'stablehlo', '--mesh', 'batch=4', '-o', output];
  const { code, stdout } = btc(args);
  expect({ code }).toEqual({ code: 0 });
  expect(stdout).toContain('program train, 16 arguments, 13 results, 4 devices');
  expect(readdirSync(folder).sort()).toEqual(['train.json', 'train.mlir', 'train.safetensors']);
  const text = readFileSync(output, 'utf8');
  const manifest = JSON.parse(readFileSync(join(folder, 'train.json'), 'utf8'));
  expect(manifest).toMatchObject({ format: 'btc-stablehlo-1', mesh: { axis: 'batch', size: 4 } });
  validModule({ text, manifest, parameters: new Uint8Array() } as never);
});

test('--check writes inputs of runs, and what the module gives for them', () => {
  const args = ['--set', 'batch=4', '--set', 'hidden=8', '--check', '3'];
  project.write('model.ts', SMALL);
  const made = project.btc('export', 'model.ts', '--format', 'stablehlo', ...args);
  expect(made.stdout).toContain('model.train.check.safetensors');
  const read = (ending: string) => readFileSync(join(project.folder, `model.train.${ending}`));
  const text = read('mlir').toString();
  const manifest: StableHloManifest = JSON.parse(read('json').toString());
  const exported = { text, manifest, parameters: read('safetensors') };
  const parsed = validModule(exported as never);
  const { tensors } = decodeSafetensors(read('check.safetensors'));
  const part = (name: string, step: number) => {
    const { shape, data } = tensors.get(name)!;
    expect(shape[0]).toBe(3);
    return data.slice((step * data.length) / 3, ((step + 1) * data.length) / 3);
  };
  const kept: Record<string, ArrayLike<number>> = {};
  const initial = decodeSafetensors(exported.parameters).tensors;
  for (const { name, role, shape } of manifest.arguments)
    if (role !== 'input')
      kept[name] = initial.get(name)?.data ?? new Float32Array(elementCount(shape));
  const batches = new Set<string>();
  for (let step = 0; step < 3; step++) {
    const inputs = { x: part('inputs/x', step), y: part('inputs/y', step) };
    batches.add(inputs.x.join());
    const given = { ...inputs, step: [step], learningRate: [0.01] };
    const { outputs, updates } = runMain(exported, parsed, given, kept);
    expectClose({ loss: part('outputs/loss', step) }, outputs, 1e-4);
    Object.assign(kept, updates);
  }
  expect(batches.size).toBe(3);
  const after = [...tensors].filter(([name]) => name.startsWith('after/'));
  expect(after.map(([name]) => name.slice('after/'.length)).sort()).toEqual(
    Object.keys(kept).sort(),
  );
  for (const [name, { data }] of after)
    expectClose({ [name]: data }, { [name]: kept[name.slice('after/'.length)] }, 1e-4);
});

test('btc export writes a model of ONNX with given weights', () => {
  const output = join(folder, 'digits.onnx');
  const weights = join(folder, 'train.safetensors');
  const { code } = btc(['export', MODEL, '--format', 'onnx', '--weights', weights, '-o', output]);
  expect(code).toBe(0);
  expect(readFileSync(output).length).toBeGreaterThan(800_000);
});

test('btc export takes weights of other names and layouts, and then writes the same file', async () => {
  const initial = readFileSync(join(folder, 'train.safetensors'));
  const own = decodeSafetensors(initial).tensors;
  const foreign = [...own].map(([name, { dtype, shape, data }]): [string, SafetensorsTensor] => {
    const [rows, columns] = shape;
    const isMatrix = shape.length === 2;
    return [
      `module.${name}`,
      {
        ...{ dtype, shape: shape.toReversed() },
        data: data.map((value, k) =>
          isMatrix ? data[(k % rows) * columns + Math.floor(k / rows)] : value,
        ),
      },
    ];
  });
  const write = (name: string, tensors: readonly (readonly [string, SafetensorsTensor])[]) =>
    writeFileSync(join(folder, name), encodeSafetensors(tensors));
  write('torch-1.safetensors', foreign.slice(0, 2));
  write('torch-2.safetensors', foreign.slice(2));
  const weight_map = Object.fromEntries(
    foreign.map(([name], k) => [name, `torch-${k < 2 ? 1 : 2}.safetensors`]),
  );
  writeFileSync(join(folder, 'torch.index.json'), JSON.stringify({ weight_map }));
  const exported = (output: string, weights: string, ...args: string[]) => {
    const given = ['--weights', join(folder, weights), '-o', join(folder, output), ...args];
    return btc(['export', MODEL, '--format', 'stablehlo', ...given]);
  };
  const foreignly = ['--layout', 'pytorch', '--rename', '^module\\.='];
  expect(exported('torch.mlir', 'torch.index.json', ...foreignly).code).toBe(0);
  expect(decodeSafetensors(readFileSync(join(folder, 'torch.safetensors'))).tensors).toEqual(own);
  const onnx = ['export', MODEL, '--format', 'onnx', '-o', join(folder, 'torch.onnx')];
  const args = ['--weights', join(folder, 'torch.index.json'), ...foreignly];
  expect(btc([...onnx, ...args]).code).toBe(0);
  expect(readFileSync(join(folder, 'torch.onnx'))).toEqual(
    readFileSync(join(folder, 'digits.onnx')),
  );
  for (const [weights, options, message] of [
    ['torch.index.json', ['--rename', '^module\\.='], 'BTC5031'],
    ['torch.index.json', ['--layout', 'pytorch'], "BTC5144: the weights have no tensors 'hidden."],
    ['torch-1.safetensors', foreignly, 'BTC5144'],
    ['train.mlir', foreignly, 'BTC5010'],
    ['nowhere.safetensors', foreignly, 'BTC6003'],
  ] as const) {
    const { code, stdout } = exported('no.mlir', weights, ...options);
    expect(code).toBe(1);
    expect(stdout).toContain(message);
  }
  expect(readdirSync(folder)).not.toContain('no.mlir');
});

test.each([
  [['--format', 'onnx', '--layout', 'pytorch'], 'BTC6018'],
  [['--format', 'onnx', '--layout', 'keras', '--weights', 'x'], 'BTC6011'],
  [['--format', 'onnx', '--rename', 'a=b'], 'BTC6018'],
  [['--format', 'onnx', '--check', '2'], 'BTC6016'],
  [['--format', 'stablehlo', '--check', '0'], 'BTC6011'],
  [['--format', 'stablehlo', '--mesh', 'batch=0'], 'BTC6011'],
  [['--format', 'stablehlo', '--mesh', 'model=2'], 'BTC6011'],
  [['--format', 'torch'], 'BTC6011'],
  [[], '--format'],
  [['--format', 'onnx', '--program', 'train'], 'BTC5146'],
  [['--format', 'onnx', '--weights', 'nowhere.safetensors'], 'BTC6003'],
])('%j is refused', (options, message) => {
  const { code, stdout, stderr } = btc(['export', MODEL, ...options, '-o', join(folder, 'no.x')]);
  expect(code).toBe(1);
  expect(stdout + stderr).toContain(message);
  expect(readdirSync(folder)).not.toContain('no.x');
});
