import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspectPlan } from 'btc-compiler';
import { buildModel } from '../data/building.mjs';
import { batches, generator, loadDigits } from '../data/digits.mjs';
import { buildPage, digitsFile, outDirOf } from '../pages/build.mjs';

// node examples/draw/build.mjs --outDir site/out/draw: a folder of static files. Builds the network within a budget and trains it on
// digits, here; what the page does with it is the person's. Needs `npm run build`.
const BUDGET = '3MiB';
const EPOCHS = 2;

const folder = new URL('./', import.meta.url);
// Below this package, whose runtime the loader imports.
const scratch = mkdtempSync(fileURLToPath(new URL('.build-', folder)));
try {
  const outDir = pathToFileURL(`${scratch}/`);
  const model = new URL('model.ts', import.meta.url);
  const { load } = await buildModel(model, { outDir, target: 'webgpu,wasm', budget: BUDGET });
  const parameters = await trained(await load({ target: 'wasm' }));
  const read = (name) => readFileSync(join(scratch, name));
  const lives = Object.fromEntries(
    ['wasm', 'webgpu'].map((target) => [
      target,
      live(JSON.parse(read(`model.${target}.plan.json`))),
    ]),
  );
  await buildPage(folder, outDirOf(folder), {
    'wasm.plan.json': read('model.wasm.plan.json'),
    'webgpu.plan.json': read('model.webgpu.plan.json'),
    'model.wasm': read('model.wasm'),
    'model.safetensors': parameters,
    'live.json': JSON.stringify(lives),
    'digits.bin': digitsFile(600, 100),
  });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function trained(session) {
  const { train } = loadDigits();
  const random = generator(1);
  for (let epoch = 0; epoch < EPOCHS; epoch++)
    for (const { images, labels } of batches(train, 32, random, 2))
      await session.run('train', { image: images, label: labels });
  const parameters = await session.saveParameters();
  session.destroy();
  return parameters;
}

/** Live bytes at each step of a training run, everything counted, as the budget counts. */
function live(plan) {
  const { liveBytes } = inspectPlan(plan).programs.find(({ name }) => name === 'train');
  const beside = plan.memory.deviceBytes - plan.memory.arenaBytes;
  return liveBytes.map((bytes) => bytes + beside);
}
