import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
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

test.each([
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
