// Plans one network in this process and prints what that took, as JSON: the worker of the other files in this folder.
//   node plan.mjs '{"network":"resnet-deep","set":{…},"budgetBytes":…}'
import { fileURLToPath } from 'node:url';
import { planModel } from '../../../dist/compiler/index.js';
import { loadModel } from '../../../dist/compiler/load/index.js';

/** Largest binding and buffer of a device with 12 GiB and more. */
const limits = { maxBindingBytes: 2 ** 31 - 4, maxBufferBytes: 2 ** 32 - 256 };

const { network, set, ...options } = JSON.parse(process.argv[2]);
const folder = new URL('../../../examples/networks/', import.meta.url);
const started = performance.now();
const { model } = await loadModel(fileURLToPath(new URL(`${network}.ts`, folder)), { set });
const { plan, diagnostics } = await planModel(model, { target: 'webgpu', limits, ...options });
const { user, system } = process.cpuUsage();
const result = {
  seconds: (performance.now() - started) / 1e3,
  processorSeconds: (user + system) / 1e6,
  hostBytes: process.resourceUsage().maxRSS * 1024,
};
if (plan) {
  const { steps, predicted } = plan.programs.train;
  Object.assign(result, {
    deviceBytes: plan.memory.deviceBytes,
    steps: steps.length,
    recomputed: steps.filter((step) => step.recomputed).length,
    predictedSeconds: predicted.seconds,
    recomputeSeconds: predicted.recomputeSeconds,
    swapSeconds: predicted.swapSeconds,
  });
} else result.problem = diagnostics.find(({ category }) => category === 'error').message;
console.log(JSON.stringify(result));
