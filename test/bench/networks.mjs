// Compiles the networks of examples/networks at the size of their papers for WebGPU, with the bindings and buffers that
// adapters of today allow, and prints what that takes: by the command line, as it sets V8, with a cache of its own: a build with nothing
// kept, then the median of some with all kept. Processor time is that of the user and the system, of all threads.
//   node test/bench/networks.mjs [--runs N] [name…]
//   node test/bench/networks.mjs --here [name…]           in this process, for profilers
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '../../dist/compiler/index.js';
import { loadModel } from '../../dist/compiler/load/index.js';

const folder = new URL('../../examples/networks/', import.meta.url);
const main = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));
const sizes = JSON.parse(readFileSync(new URL('sizes.json', folder), 'utf8'));
const limits = { maxBindingBytes: 2 ** 31 - 4, maxBufferBytes: 2 ** 32 - 256 };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { here: { type: 'boolean' }, runs: { type: 'string', default: '3' } },
});
const names = positionals.length > 0 ? positionals : Object.keys(sizes);
const fileOf = (name) => fileURLToPath(new URL(`${name}.ts`, folder));

const row = (cells) =>
  console.log(
    cells.map((cell, k) => String(cell)[k ? 'padStart' : 'padEnd'](k ? 12 : 14)).join(''),
  );

/** What the main thread of a process that has this in front of its program prints last. */
const usage = `const { isMainThread } = require('node:worker_threads');
if (isMainThread) process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  require('node:fs').writeSync(2, '\\n' + JSON.stringify({ seconds: (userCPUTime + systemCPUTime) / 1e6, maxRSS }));
});
`;

const scratch = mkdtempSync(join(tmpdir(), 'btc-networks-'));
try {
  if (values.here) for (const name of names) await here(name);
  else byCommand();
} finally {
  rmSync(scratch, { recursive: true });
}

function byCommand() {
  writeFileSync(join(scratch, 'usage.cjs'), usage);
  writeFileSync(join(scratch, 'limits.json'), JSON.stringify(limits));
  row(['network', 'first, s', 'again, s', 'spread', 'peak, MiB']);
  for (const name of names) {
    const cache = join(scratch, name);
    const first = build(name, cache);
    if (!first) continue;
    const again = Array.from({ length: Number(values.runs) }, () => build(name, cache)).sort(
      (a, b) => a.seconds - b.seconds,
    );
    const median = again[again.length >> 1];
    row([
      name,
      first.seconds.toFixed(2),
      median.seconds.toFixed(2),
      (again.at(-1).seconds - again[0].seconds).toFixed(2),
      (median.maxRSS / 1024).toFixed(0),
    ]);
    console.log(`  ${first.summary}`);
  }
}

function build(name, cache) {
  const options = Object.entries(sizes[name].set).flatMap(([key, value]) => [
    '--set',
    `${key}=${value}`,
  ]);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...['--require', join(scratch, 'usage.cjs'), main, 'build', fileOf(name), '--noEmit'],
      ...['--target', 'webgpu', '--limits', join(scratch, 'limits.json'), ...options],
    ],
    { encoding: 'utf8', env: { ...process.env, BTC_CACHE: cache }, maxBuffer: 2 ** 28 },
  );
  const lines = stderr.trimEnd().split('\n');
  const used = lines.pop();
  if (status !== 0) {
    console.log(name, ...lines, stdout.trim());
    process.exitCode = 1;
    return null;
  }
  return { ...JSON.parse(used), summary: stdout.trimEnd().split('\n').at(-1).trim() };
}

async function here(name) {
  const { set } = sizes[name];
  const { user, system } = process.cpuUsage();
  const { model } = await loadModel(fileOf(name), { set });
  const { plan, diagnostics } = await compile(model, { target: 'webgpu', limits });
  if (!plan) {
    console.log(name, ...new Set(diagnostics.map(({ message }) => message)));
    process.exitCode = 1;
    return;
  }
  const { user: userAfter, system: systemAfter } = process.cpuUsage();
  console.log(
    `${name}: ${((userAfter + systemAfter - user - system) / 1e6).toFixed(2)} s, ${plan.kernels.length} kernels, ${plan.programs.train.steps.length} steps of training`,
  );
}
