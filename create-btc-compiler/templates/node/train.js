import { saveCheckpointFile } from 'btc-compiler/node';
import { fit } from 'btc-compiler/runtime';
import { load, programs } from './out/model.js';
import { spirals } from './spirals.js';

const STEPS = 400;

// WebGPU where the package `webgpu` finds an adapter, else WebAssembly.
const session = await load();
console.log(`on ${session.description}, in ${(session.allocatedBytes / 1024).toFixed(0)} KiB`);

const batch = spirals(programs.train.inputs.label.shape[0]);
function* batches() {
  for (let step = 0; step < STEPS; step++) yield batch;
}

await fit(session, batches, {
  onStep({ step, loss }) {
    if (step % 40 === 0)
      console.log(`step ${String(step).padStart(3)}  loss ${loss.toFixed(4)}  ${bar(loss)}`);
  },
});

const { logits } = await session.run('predict', { point: batch.point });
const right = batch.label.filter(
  (label, k) => label === largest(logits.subarray(3 * k, 3 * k + 3)),
);
console.log(`${((100 * right.length) / batch.label.length).toFixed(1)} % of the points are right`);

await saveCheckpointFile(session, 'out/spirals.safetensors');
console.log('the network is in out/spirals.safetensors');
session.destroy();

/** @param {number} loss */
function bar(loss) {
  return '█'.repeat(Math.min(50, Math.round(40 * loss)));
}

/** @param {Float32Array} values */
function largest(values) {
  return values.indexOf(Math.max(...values));
}
