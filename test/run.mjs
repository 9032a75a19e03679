// Runs vitest in an environment in which the `webgpu` package finds a GPU: the machine's own where it has a working one,
// else SwiftShader out of the development dependencies. BTC_TEST_GPU=software or =native decides it instead.
// Arguments go to vitest: node test/run.mjs test/codegen. With --soak the random tests run many times as often.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { probeGpu, softwareGpuEnvironment } from './support/software-gpu.mjs';

/**
 * A software GPU spends most of its time compiling kernels, and a tenth of that in giving memory back between them and in joining the small
 * pieces of it: glibc keeps both for the next kernel.
 */
const ALLOCATION = {
  GLIBC_TUNABLES: [
    'glibc.malloc.mxfast=0',
    'glibc.malloc.trim_threshold=536870912',
    'glibc.malloc.top_pad=33554432',
    ...(process.env.GLIBC_TUNABLES ?? '').split(':').filter(Boolean),
  ].join(':'),
};

async function gpuEnvironment() {
  const choice = process.env.BTC_TEST_GPU ?? '';
  if (!['', 'native', 'software'].includes(choice))
    throw new Error(`BTC_TEST_GPU is '${choice}'; it takes 'native' or 'software'`);
  if (choice !== 'software') {
    const { adapter, reason } = probeGpu(process.env);
    if (adapter) return { adapter, environment: { ...process.env } };
    if (choice === 'native') throw new Error(`no GPU of the machine's own: ${reason}`);
  }
  const environment = await softwareGpuEnvironment({ ...process.env, ...ALLOCATION });
  const { adapter, reason } = probeGpu(environment);
  if (!adapter) throw new Error(`the software GPU does not work: ${reason}`);
  return { adapter, environment };
}

const SOAK_FACTOR = 25;
const soak = process.argv.includes('--soak');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--soak');
if (soak) {
  process.env.BTC_SOAK = String(SOAK_FACTOR);
  wanted.push('--testTimeout', '1800000');
}

let environment = { ...process.env };
try {
  const found = await gpuEnvironment();
  environment = { ...found.environment, BTC_TEST_GPU_READY: '1' };
  console.log(`WebGPU tests run on: ${found.adapter}`);
} catch (error) {
  // The tests that need no GPU still run; those that do fail with this reason.
  environment.BTC_TEST_GPU_REASON = error.message;
  console.error(`WebGPU tests will fail: ${error.message}`);
}

const require = createRequire(import.meta.url);
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const root = fileURLToPath(new URL('..', import.meta.url));
const child = spawn(process.execPath, [vitest, 'run', ...wanted], {
  cwd: root,
  env: environment,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128);
});
