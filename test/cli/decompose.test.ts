import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from '../../ir/safetensors.ts';
import { load, type Session } from '../../runtime/index.ts';
import { createProject, type Project } from '../support/project.ts';

let project: Project;
const path = (name: string) => join(project.folder, name);
const read = (name: string) => decodeSafetensors(readFileSync(path(name)));
const decompose = (...args: string[]) => project.btc('decompose', ...args);

/** A matrix [rows, columns] of rank 4, and smaller numbers on top. */
function matrix(rows: number, columns: number): SafetensorsTensor {
  const data = Float32Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    return Math.sin(i + 2 * j) + Math.cos(0.3 * (i - j)) + 0.01 * Math.sin(at * at);
  });
  return { dtype: 'f32', shape: [rows, columns], data };
}

beforeAll(() => {
  project = createProject();
  const bias: SafetensorsTensor = { dtype: 'f32', shape: [24], data: new Float32Array(24).fill(7) };
  const index: SafetensorsTensor = { dtype: 'i32', shape: [2, 2], data: new Int32Array(4) };
  const tensors = { 'encoder.weight': matrix(32, 24), 'encoder.bias': bias, index };
  writeFileSync(path('w.safetensors'), encodeSafetensors(Object.entries(tensors)));
  writeFileSync(path('broken.safetensors'), 'not a file of tensors');
});
afterAll(() => project.remove());

describe('btc decompose', () => {
  test('writes the cores and says what they cost', () => {
    const { code, stdout } = decompose(
      ...['w.safetensors', '--layer', 'encoder', '--to', 'block-term', '--rank', '3'],
      ...['--inputModes', '4,8', '--outputModes', '4,6', '--blocks', '1'],
    );
    expect(code).toBe(0);
    expect(stdout.replace(/\d\.\d+ s$/m, 'T s').replace(/0\.\d+$/m, 'E')).toBe(
      `w.safetensors → w.block-term.safetensors
  matrix                 encoder.weight [32, 24]
  form                   block-term, 1 block
  modes                  [4, 8] by [4, 6]
  ranks                  3, 3
  relative error         E
  parameters             768 → 201, 3.82 times fewer
  multiply-adds per row  768 → 1,008, 1.31 times more
  time                   T s

  weight: blockTerm({ inputModes: [4, 8], outputModes: [4, 6], ranks: [3, 3], blocks: 1 }),
`,
    );
    const { tensors } = read('w.block-term.safetensors');
    const shapes = [...tensors].map(([name, { shape }]) => [name, shape]);
    expect(shapes).toEqual([
      ['encoder.weight.factor1', [4, 4, 3]],
      ['encoder.weight.factor2', [8, 6, 3]],
      ['encoder.weight.core', [3, 3]],
      ['encoder.bias', [24]],
      ['index', [2, 2]],
    ]);
  });

  test('prints figures as JSON', () => {
    const { code, stdout } = decompose(
      ...['w.safetensors', '--layer', 'encoder.weight', '--to', 'low-rank', '--error', '0.05'],
      ...['-o', 'sub/low.safetensors', '--json'],
    );
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    const [rank] = report.ranks;
    expect(report).toMatchObject({
      output: 'sub/low.safetensors',
      tensor: 'encoder.weight',
      shape: [32, 24],
      gates: 1,
      form: 'low-rank',
      parameters: 56 * rank,
      denseParameters: 768,
      source: `lowRank({ rank: ${rank} })`,
      dropped: [],
    });
    expect(report.relativeError).toBeLessThan(0.05);
    expect(read('sub/low.safetensors').tensors.get('encoder.weight.left')!.shape).toEqual([
      32,
      rank,
    ]);
  });

  const layer = ['w.safetensors', '--layer', 'encoder', '--to'];
  test.each([
    [['no.safetensors', '--layer', 'a', '--to', 'cp', '--rank', '1'], "BTC6003: 'no.safetensors'"],
    [['broken.safetensors', '--layer', 'a', '--to', 'cp', '--rank', '1'], "BTC5010: 'broken.safe"],
    [['w.safetensors', '--layer', 'index', '--to', 'cp', '--rank', '1'], "BTC5012: tensor 'index'"],
    [[...layer, 'cp', '--rank', '0'], 'it must be a positive integer'],
    [[...layer, 'cp', '--rank', '2', '--inputModes', '5,5'], 'error BTC2017: CP: the input modes'],
    [[...layer, 'cp', '--rank', '1', '-o', './w.safetensors'], 'BTC5015'],
    [[...layer, 'cp', '--rank', '1', '-o', 'w.safetensors/x'], 'BTC5003'],
  ])('%o is refused and nothing is written', (args, message) => {
    const before = project.list('.');
    const { code, stdout, stderr } = decompose(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(project.list('.')).toEqual(before);
  });

  test('replaces the file itself when told to', () => {
    const bytes = readFileSync(path('w.safetensors'));
    writeFileSync(path('own.safetensors'), bytes);
    const args = ['own.safetensors', '--layer', 'encoder', '--to', 'low-rank', '--rank', '2'];
    expect(decompose(...args, '-o', 'own.safetensors', '--overwrite').code).toBe(0);
    expect(read('own.safetensors').tensors.has('encoder.weight.left')).toBe(true);
  });
});

describe('fine-tuning', () => {
  const EXAMPLES = 64;
  const model = (weight?: btc.Factorisation) =>
    btc.defineModel({
      name: 'classifier',
      inputs: { x: btc.tensor([EXAMPLES, 16]), label: btc.tensor([EXAMPLES], 'i32') },
      build({ x }) {
        const hidden = btc.linear(16, 24, { name: 'hidden', ...(weight ? { weight } : {}) });
        return { logits: btc.linear(24, 4, { name: 'output' })(btc.tanh(hidden(x))) };
      },
      train: {
        loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
        optimizer: btc.adam({ learningRate: 3e-3 }),
      },
    });
  const x = Float32Array.from({ length: EXAMPLES * 16 }, (_, k) => Math.sin(k * k * 0.7));
  // The class is the octant of two features.
  const label = Int32Array.from(
    { length: EXAMPLES },
    (_, k) => (x[16 * k] > 0 ? 1 : 0) + (x[16 * k + 1] + x[16 * k + 2] > 0 ? 2 : 0),
  );
  const open = async (weight: btc.Factorisation | undefined, parameters?: Uint8Array) => {
    const built = await btc.compile(model(weight), { target: 'wasm' });
    const start = parameters ?? built.parameters!;
    return load(built.plan!, { module: built.module!, parameters: start });
  };
  const train = async (session: Session, steps: number) => {
    const losses: number[] = [];
    for (let step = 0; step < steps; step++)
      losses.push((await session.run('train', { x, label })).loss[0]);
    return losses;
  };

  test('goes on from a checkpoint where the dense model was, and lowers the loss', async () => {
    const dense = await open(undefined);
    const before = await train(dense, 60);
    writeFileSync(path('trained.safetensors'), await dense.saveCheckpoint());
    const [next] = await train(dense, 1);
    const modes = { inputModes: [4, 4], outputModes: [4, 6] };
    const flags = ['--inputModes', '4,4', '--outputModes', '4,6', '--rank', '15'];
    const { code, stdout } = decompose(
      ...['trained.safetensors', '--layer', 'hidden', '--to', 'tensor-train', ...flags],
    );
    expect(code).toBe(0);
    // Adam's m and v of four parameters.
    expect(stdout).toContain("without the optimiser's state of 8 tensors; training starts afresh");
    const compact = await open(
      btc.tensorTrain({ ...modes, ranks: [15] }),
      readFileSync(path('trained.tensor-train.safetensors')),
    );
    const after = await train(compact, 60);
    expect(before[0]).toBeGreaterThan(1);
    expect(Math.abs(after[0] - next)).toBeLessThan(0.05 * next);
    expect(after[59]).toBeLessThan(0.8 * after[0]);
    // And checkpoints of the compact model are as good as any.
    await compact.loadCheckpoint(await compact.saveCheckpoint());
    for (const session of [dense, compact]) session.destroy();
  });
});
