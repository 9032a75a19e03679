import { expect, test } from 'vitest';
import { compile } from '../../compiler/index.ts';
import { inputsOf } from '../../examples/captions/batches.mjs';
import { beam, greedy, stepper } from '../../examples/captions/decode.mjs';
import { encode, evaluate } from '../../examples/captions/evaluate.mjs';
import { makeVocabulary } from '../../examples/captions/vocabulary.mjs';
import { loadEmoji } from '../../examples/data/emoji.mjs';
import type { Plan } from '../../ir/plan.ts';
import { load } from '../../runtime/index.ts';

const SIZE = 12;
const ROWS = 3;
const LENGTH = 7;
const WORDS = 60;
/** Numbers of the plain input-to-hidden matrix. */
const PLAIN = 128 * 4 * 128;

const build = async (target: 'wasm' | 'webgpu', decoder: string) => {
  // Options take their values while the module of the model runs: each build needs it anew.
  const specifier = `../../examples/captions/model.ts?${target}-${decoder}`;
  const result = await compile(async () => (await import(specifier)).default, {
    target,
    set: { batch: SIZE, rows: ROWS, vocabulary: WORDS, length: LENGTH, decoder },
  });
  expect(result.diagnostics).toEqual([]);
  return result;
};
const inputParameters = (plan: Plan) =>
  plan.tensors
    .filter(({ name, role }) => role === 'parameter' && name.startsWith('decoder.inputWeight'))
    .reduce((sum, { bytes }) => sum + bytes / 4, 0);

test('examples/captions builds with a plain decoder, for WebGPU', async () => {
  const { plan } = await build('webgpu', 'plain');
  expect(inputParameters(plan!)).toBe(PLAIN);
});

test('examples/captions learns the names of some pictures, and says them', async () => {
  const { plan, module, parameters } = await build('wasm', 'block-term');
  expect(inputParameters(plan!)).toBeLessThan(PLAIN / 20);
  const session = await load(plan!, { module: module!, parameters: parameters! });
  const { train: pairs } = loadEmoji({ limit: SIZE, heldOutCount: 0 });
  const vocabulary = makeVocabulary(pairs);
  expect(vocabulary.words.length).toBeLessThanOrEqual(WORDS);
  const shape = { vocabulary, size: SIZE, length: LENGTH };
  const inputs = inputsOf(pairs, shape);
  const losses: number[] = [];
  for (let step = 0; step < 150; step++) losses.push((await session.run('train', inputs)).loss[0]);
  expect(losses.at(-1)).toBeLessThan(losses[0] / 10);

  const decoder = stepper(session);
  const states = await encode(session, inputs.image, SIZE);
  const captions = await greedy(decoder, states.slice(0, ROWS), LENGTH - 1);
  for (const [k, caption] of captions.entries())
    expect(await beam(decoder, states[k], LENGTH - 1, { width: 1 })).toEqual(caption);

  const scores = await evaluate(session, pairs, { ...shape, width: ROWS });
  expect(scores.tokenAccuracy).toBeGreaterThan(0.95);
  expect(scores.greedy.bleu).toBeGreaterThan(0.9);
  expect(scores.beam.exact).toBeGreaterThan(0.9);
  session.destroy();
});
