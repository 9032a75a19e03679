import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { btc } from '../support/btc.ts';
import { validModule } from '../support/stablehlo/agreement.ts';

const folder = mkdtempSync(join(tmpdir(), 'btc-export-'));
afterAll(() => rmSync(folder, { recursive: true }));
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
    ['torch.index.json', ['--layout', 'pytorch'], "BTC5144: the weights have no tensor 'hidden."],
    ['torch-1.safetensors', foreignly, 'BTC5144'],
    ['train.mlir', foreignly, 'BTC5031'],
    ['nowhere.safetensors', foreignly, 'BTC5031'],
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
