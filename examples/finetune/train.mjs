import { mkdirSync, writeFileSync } from 'node:fs';
import pc from 'picocolors';
import { fineTune, TASKS } from './tasks.mjs';

// Takes two models that others published, trains them on, and gives them back as they came.

const STEPS = Number(process.env.STEPS ?? 150);
const folder = new URL('./out/', import.meta.url);
mkdirSync(folder, { recursive: true });

for (const [name, { publish, load: options, data }] of Object.entries(TASKS)) {
  const published = new URL(`${name}.published.safetensors`, folder);
  writeFileSync(published, publish());
  const { load } = await import(new URL(`${name}.js`, folder).href);
  // Read from the file tensor by tensor.
  const session = await load({ parameters: published, ...options });
  const { restored, initial, ignored } = session.restored;
  console.log(`${pc.bold(name)} on ${session.description}`);
  console.log(
    `  ${restored.length} tensors from the file, ${initial.length} initial (${initial.join(', ') || 'none'}), ${ignored.length} of the file left out`,
  );
  const losses = await fineTune(session, data, STEPS);
  const mean = (list) => list.reduce((sum, loss) => sum + loss, 0) / list.length;
  console.log(
    `  loss ${losses[0].toFixed(3)} at first, ${mean(losses.slice(-10)).toFixed(3)} after ${losses.length} steps, within ${(session.allocatedBytes / 2 ** 20).toFixed(2)} MiB`,
  );
  const bytes = await session.saveParameters({ layout: 'pytorch' });
  writeFileSync(new URL(`${name}.finetuned.safetensors`, folder), bytes);
  console.log(`  saved in PyTorch's layout: out/${name}.finetuned.safetensors`);
  session.destroy();
}
