// Goes on from a checkpoint where there is one, and saves a new one after every run, for ever. Arguments: plan, module, checkpoint.
import { existsSync, readFileSync } from 'node:fs';
import { loadCheckpointFile, saveCheckpointFile } from '../../dist/node/index.js';
import { load } from '../../dist/runtime/index.js';

const [plan, module, checkpoint] = process.argv.slice(2);
const session = await load(JSON.parse(readFileSync(plan, 'utf8')), {
  module: readFileSync(module),
});
// The last process is gone when this one may go.
await new Promise((resolve) => process.stdin.once('data', resolve));
if (existsSync(checkpoint)) await loadCheckpointFile(session, checkpoint);
else await saveCheckpointFile(session, checkpoint);
process.stdout.write('ready\n');
const x = [1, 2, 3, 4, 0, -1, 2, 1, 0.5, 0, -1, 2];
for (;;) {
  await session.run('train', { x, y: [1, 2, 3], learningRate: 0.01 });
  await saveCheckpointFile(session, checkpoint);
}
