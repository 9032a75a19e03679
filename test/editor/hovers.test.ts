import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Editor, startEditor } from './client.ts';
import { placeIn } from './models.ts';

// Layers of layers and of steps, views and several trainings: what a call gives is told, not what it computes on the way.

const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'editor-hovers-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TEXT = `import { adam, attention, batchNorm, convolution, crossEntropy, defineModel, linear, lstm, mean, meanSquaredError, relu, scope, sgd, tensor } from 'btc-compiler';

const conv = convolution(3, 8, { kernel: [3, 3], padding: 'same', name: 'conv' });
const norm = batchNorm(8);
const cell = lstm(8, 12);
const attend = attention(12, { heads: 3, causal: true });
const head = linear(12, 4);
const other = linear(12, 2);

export default defineModel({
  name: 'mixed',
  inputs: { image: tensor([2, 6, 5, 3]), label: tensor([2], 'i32'), aim: tensor([2, 2]) },
  build({ image }) {
    const normal = relu(norm(conv(image)));
    const rows = normal.reshape([2, 30, 8]);
    const { outputs } = scope('reader', () => cell(rows));
    const looked = attend(outputs);
    const pooled = mean(looked, 1);
    return { logits: head(pooled), guess: other(pooled) };
  },
  train: {
    classify: { loss: ({ logits }, { label }) => crossEntropy(logits, label), optimizer: adam() },
    regress: { loss: ({ guess }, { aim }) => meanSquaredError(guess, aim), optimizer: sgd({ rate: 0.1 }) },
  },
});
`;

let editor: Editor;
const file = join(folder, 'mixed.ts');
beforeAll(async () => {
  editor = await startEditor(MAIN, { cwd: folder, initializationOptions: { timeLimit: 60 } });
  writeFileSync(file, TEXT);
  editor.open(file, TEXT);
  expect((await editor.shown(file)).diagnostics).toEqual([]);
});
afterAll(async () => {
  expect(await editor.end()).toBe(0);
});

const hover = async (piece: string) => (await editor.hover(file, placeIn(TEXT, piece))) ?? '';

test.each([
  // 2·6·5·8 f32; its gradients need its input, not its result.
  ['conv(image)', '`f32 [2, 6, 5, 8]` · 1.88 KiB', 'not kept for the backward pass'],
  // Running averages that it also computes are none of its result.
  ['norm(conv', '`f32 [2, 6, 5, 8]` · 1.88 KiB', '`batchNorm1/output`'],
  ['relu(norm', '`f32 [2, 6, 5, 8]` · 1.88 KiB', 'kept for the backward pass: read by'],
  // The same memory under another shape.
  ['rows = ', '`f32 [2, 30, 8]` · 1.88 KiB', 'kept for the backward pass: read by'],
  ['attend(outputs)', '`f32 [2, 30, 12]` · 2.81 KiB', 'in `predict`, `classify`, `regress`'],
  ['head(pooled)', '`f32 [2, 4]` · 32 B', 'not kept for the backward pass'],
  ['crossEntropy(l', '`f32 []` · 4 B', 'in `classify`'],
  ['meanSquaredError(g', '`f32 []` · 4 B', 'in `regress`'],
])('of %s: one value', async (piece, value, said) => {
  const told = await hover(piece);
  expect(told.startsWith(value)).toBe(true);
  expect(told).toContain(said);
});

test('of a recurrent layer: its outputs, and not what its steps compute', async () => {
  const told = await hover('cell(rows)');
  expect(told).toContain('`f32 [2, 30, 12]` · 2.81 KiB');
  expect(told).not.toContain('.step');
  expect(told).not.toContain('more\n\n');
  // 8·48 + 12·48 + 48 numbers.
  expect(told).toContain('1,008 parameters: 3.94 KiB');
});
