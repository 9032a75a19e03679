// Compiles the networks of examples/networks at the size of their papers for WebGPU, with the bindings and buffers that
// adapters of today allow, and prints what that takes.
//   node test/bench/networks.mjs [name…]
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from '../../dist/compiler/index.js';
import { loadModel } from '../../dist/compiler/load/index.js';

const folder = new URL('../../examples/networks/', import.meta.url);
const sizes = JSON.parse(readFileSync(new URL('sizes.json', folder), 'utf8'));
const limits = { maxBindingBytes: 2 ** 31 - 4, maxBufferBytes: 2 ** 32 - 256 };
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(sizes);

const row = (cells) =>
  console.log(
    cells.map((cell, k) => String(cell)[k ? 'padStart' : 'padEnd'](k ? 11 : 14)).join(''),
  );
row(['network', 'parameters', 'seconds', 'processor', 'kernels', 'steps', 'MiB']);
for (const name of names) {
  const wall = performance.now();
  const { user } = process.cpuUsage();
  const { set } = sizes[name];
  const { model } = await loadModel(fileURLToPath(new URL(`${name}.ts`, folder)), { set });
  const { plan, diagnostics } = await compile(model, { target: 'webgpu', limits });
  if (!plan) {
    console.log(name, ...new Set(diagnostics.map(({ message }) => message)));
    process.exitCode = 1;
    continue;
  }
  const trained = plan.tensors.filter(({ role }) => role === 'parameter');
  row([
    name,
    trained.reduce((sum, { bytes }) => sum + bytes / 4, 0),
    ((performance.now() - wall) / 1e3).toFixed(1),
    ((process.cpuUsage().user - user) / 1e6).toFixed(1),
    plan.kernels.length,
    plan.programs.train.steps.length,
    (plan.memory.deviceBytes / 2 ** 20).toFixed(1),
  ]);
}
