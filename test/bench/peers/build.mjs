// Builds the models of rows with btc, in a process of its own: node build.mjs FOLDER wasm|webgpu ROW…
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compile } from '../../../dist/compiler/index.js';
import { modelOf } from './systems/btc.mjs';

const [folder, target, profile, ...rows] = process.argv.slice(2);
for (const row of rows) {
  const file = join(folder, `${row}.${target}.plan.json`);
  if (existsSync(file)) continue;
  const started = performance.now();
  const options = { target, ...(profile === 'default' ? {} : { profile }) };
  const { plan, module, parameters, diagnostics } = await compile(modelOf(row), options);
  if (!plan)
    throw new Error(
      `${row}: ${[...new Set(diagnostics.map(({ message }) => message))].join('; ')}`,
    );
  if (module) await writeFile(join(folder, `${row}.wasm`), module);
  await writeFile(join(folder, `${row}.safetensors`), parameters);
  await writeFile(file, JSON.stringify(plan));
  const { steps } = plan.programs.train ?? plan.programs.predict;
  const sum = (field) => steps.reduce((total, step) => total + step[field], 0);
  const facts = {
    row,
    target,
    buildSeconds: (performance.now() - started) / 1e3,
    dispatches: steps.length,
    kernels: plan.kernels.length,
    deviceBytes: plan.memory.deviceBytes,
    flops: sum('flops'),
    bytes: sum('bytesMoved'),
  };
  await writeFile(join(folder, `${row}.${target}.json`), JSON.stringify(facts));
}
