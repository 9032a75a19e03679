// What fine-tuning GPT-2 small takes: by adapters within a budget, by adapters in all the memory that they like, and all of it.
//   node examples/finetune/cost.mjs [--budget 512MiB] [--length 512] [--target webgpu] [--layers 12]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));
const MODEL = fileURLToPath(new URL('./gpt.ts', import.meta.url));

const { values } = parseArgs({
  options: {
    budget: { type: 'string', default: '512MiB' },
    length: { type: 'string', default: '512' },
    layers: { type: 'string', default: '12' },
    heads: { type: 'string', default: '12' },
    features: { type: 'string', default: '768' },
    vocabulary: { type: 'string', default: '50257' },
    target: { type: 'string', default: 'webgpu' },
  },
});
const { budget, target, ...size } = values;

/** Plans the model, writes nothing, and shows what `btc build` says. */
function plan(title, more) {
  console.log(`\n${title}`);
  const settings = Object.entries({ ...size, ...more.set }).flatMap(([name, value]) => [
    '--set',
    `${name}=${value}`,
  ]);
  const options = [
    ...(more.budget ? ['--budget', more.budget] : []),
    ...(more.limits ? ['--limits', more.limits] : []),
  ];
  const { status } = spawnSync(
    process.execPath,
    [MAIN, 'build', MODEL, '--noEmit', '--target', target, ...settings, ...options],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exitCode = 1;
}

plan(`adapters of rank 8 over frozen halves, within ${budget}`, { budget, set: {} });
plan(`adapters of rank 8 over frozen bytes, within ${budget}`, { budget, set: { bytes: true } });
plan('the same without a budget', { set: { bytes: true } });
// A table of f32 weights is larger than WebGPU's default limit for one binding.
const limits = target === 'webgpu' ? 'h100' : undefined;
plan('all weights trained, without a budget, on a device with larger bindings', {
  ...{ limits, set: { rank: 0 } },
});
