// Builds the examples and the networks for both targets, with budgets and without, and prints a digest of what a plan does:
// its steps, places, transfers, code and host memory, without names, sources and texts. Two states of the compiler
// that print the same make the same plans.
//   node test/bench/digests.mjs [part of a name…]         BTC=… another built checkout
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const own = fileURLToPath(new URL('../../', import.meta.url));
const root = pathToFileURL(`${process.env.BTC ?? own}/`);
const { compile } = await import(new URL('dist/compiler/index.js', root));
const { loadModel } = await import(new URL('dist/compiler/load/index.js', root));

const sizes = JSON.parse(readFileSync(`${own}examples/networks/sizes.json`, 'utf8'));
const tiny = { batch: 4, classes: 5, width: 0.01 };
const network = (name, set) => ({ name: `networks/${name}`, set });
const examples = [
  ...['digits/model', 'rows/model', 'captions/model', 'video/model', 'sensitivity/model'].map(
    (name) => ({ name, set: {} }),
  ),
  network('alexnet', tiny),
  network('vgg16', { ...tiny, image: 64 }),
  network('resnet-50', { ...tiny, image: 64 }),
  network('densenet-121', { batch: 4, classes: 5 }),
  network('mobilenet-v2', { ...tiny, image: 64 }),
  network('u-net', { ...tiny, depth: 2, image: 16, batch: 2 }),
  network('inception-v4', { ...tiny, image: 107 }),
  network('gpt', { batch: 2, length: 6, vocabulary: 9, layers: 2, heads: 2, features: 8 }),
  network('bt-lstm', {}),
];
const strategies = [
  { share: 0.75 },
  { share: 0.5 },
  { share: 0.6, recompute: 'auto', swap: 'none' },
  { share: 0.6, recompute: 'none', swap: 'auto' },
  { share: 2, recompute: 'speed', swap: 'none' },
  { share: 2, recompute: 'memory', swap: 'conv' },
  { share: 0.9, recompute: 'cost', swap: 'lru' },
];
const jobs = [
  ...examples.flatMap(({ name, set }) =>
    ['webgpu', 'wasm'].flatMap((target) => [
      { name, set, target },
      ...(name === 'video/model' || name === 'captions/model'
        ? strategies.slice(0, 2)
        : strategies
      ).map((strategy) => ({ name, set, target, ...strategy })),
    ]),
  ),
  ...['resnet-50', 'gpt'].flatMap((name) =>
    [{}, { share: 0.6 }].map((strategy) => ({
      ...network(name, sizes[name].set),
      target: 'webgpu',
      limits: { maxBindingBytes: 2 ** 31 - 4, maxBufferBytes: 2 ** 32 - 256 },
      big: true,
      ...strategy,
    })),
  ),
];

const digest = (value) =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);

/** What a plan does, whatever its parts are called. */
function deeds({ plan, module }) {
  return {
    steps: Object.values(plan.programs).map(({ steps, inputs, outputs, transfers }) => [
      steps.map(({ kernel, grid, bindings, offsets, flops, macs, bytesMoved }) => [
        ...[kernel, grid, bindings, offsets, flops, macs, bytesMoved],
      ]),
      inputs.map(({ tensor, ranges }) => [tensor, ranges]),
      outputs.map(({ tensor }) => tensor),
      transfers,
    ]),
    places: [
      plan.tensors.map(({ dtype, shape, slab, offset, bytes, firstStep, lastStep }) => [
        ...[dtype, shape, slab, offset, bytes, firstStep, lastStep],
      ]),
      plan.slabs,
      Object.entries(plan.memory).filter(([key]) => key !== 'packing'),
      plan.swap,
    ],
    code: [
      plan.kernels.map(({ wgsl, export: exported, bindings }) => [wgsl, exported, bindings]),
      module && createHash('sha256').update(module).digest('hex'),
    ],
  };
}

const wanted = process.argv.slice(2);
const unlimited = new Map();
let seconds = 0;
for (const job of jobs) {
  const { name, set, target, limits = {}, share, recompute, swap } = job;
  const label = [name, job.big ? 'full size' : '', target, share ?? '', recompute ?? '', swap ?? '']
    .filter((part) => part !== '')
    .join(' ');
  if (wanted.length > 0 && !wanted.some((part) => label.includes(part))) continue;
  const key = `${name} ${target} ${job.big ?? ''}`;
  const { model } = await loadModel(`${own}examples/${name}.ts`, { set });
  const started = process.cpuUsage().user;
  const result = await compile(model, {
    ...{ target, limits },
    ...(share ? { budgetBytes: Math.floor(share * unlimited.get(key)) } : {}),
    ...(recompute ? { recompute, swap } : {}),
  });
  const took = (process.cpuUsage().user - started) / 1e6;
  seconds += took;
  if (!share && result.plan) unlimited.set(key, result.plan.memory.deviceBytes);
  const { plan, diagnostics } = result;
  const made = plan
    ? Object.values(deeds(result)).map(digest).join(' ')
    : diagnostics.map(({ code }) => code).join(' ');
  console.log(label.padEnd(56), made, process.env.TIMES ? took.toFixed(2) : '');
}
console.error(`${seconds.toFixed(1)} s of processor time`);
