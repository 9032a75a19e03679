// One process of the bench: one system, the rows of one group. The job comes as an argument; results go to descriptor 3 as lines
// of JSON, one for each row, as soon as it is there, so that what was measured outlives a crash.
import { writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openGpu } from './gpu.mjs';
import { meterGpu, meterWasm } from './meters.mjs';
import { fingerprint, inputValues, readSafetensors } from './tensors.mjs';
import { firstSteps, timeCalls, timeSteps } from './timing.mjs';
import { MODELS } from './workloads.mjs';

const CHECKED_LOSSES = 3;
const job = JSON.parse(process.argv[2]);
const report = (line) => writeSync(3, `${JSON.stringify(line)}\n`);

const wasmBytes = meterWasm();
const gpu = job.gpu ? await openGpu() : null;
const meter = gpu ? meterGpu(globalThis) : null;
const counts = () => meter?.read() ?? {};
const wait = async () => meter?.wait();

async function dataOf(row) {
  const inputs = inputValues(MODELS[row]?.inputs ?? {});
  const parameters = readSafetensors(await readFile(join(job.artifacts, `${row}.safetensors`)));
  return { inputs, parameters };
}

async function measure(system, row) {
  const data = await dataOf(row);
  const prepare = async () => system.prepare(row, data);
  if (MODELS[row]) {
    const { run, losses, firstStepMs } = await firstSteps(prepare, CHECKED_LOSSES);
    const timed = job.seconds > 0 ? await timeSteps(run, job, counts) : {};
    return finish(run, { firstStepMs, values: losses, ...timed });
  }
  const started = performance.now();
  const run = await prepare();
  await run.call();
  await wait();
  const firstStepMs = performance.now() - started;
  const values = job.seconds > 0 ? null : fingerprint(await run.output());
  const timed = job.seconds > 0 ? await timeCalls(run, job, counts, wait) : {};
  return finish(run, { firstStepMs, values, ...timed });
}

function finish(run, measured) {
  const deviceBytes = run.bytes?.() ?? ((meter ? counts().peakBytes : wasmBytes()) || null);
  run.dispose();
  return { ...measured, deviceBytes };
}

try {
  const { open } = await import(`./systems/${job.system}.mjs`);
  const system = await open({ gpu, artifacts: job.artifacts, threads: job.threads });
  for (const row of job.rows) {
    report({ row, started: true });
    try {
      report({ row, ...(await measure(system, row)) });
    } catch (error) {
      report({ row, reason: reasonOf(error) });
    }
  }
} catch (error) {
  report({ reason: reasonOf(error) });
}
process.exit(0);

function reasonOf(error) {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.split('\n')[0].slice(0, 160);
}
