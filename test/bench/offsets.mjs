// Packs instances of dynamic storage allocation, one a file: CSV with the columns id, lower, upper, size, live in [lower, upper),
// as MiniMalloc's (github.com/google/minimalloc). Prints the bytes taken over the largest sum of live bytes.
//   node test/bench/offsets.mjs folder
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { peakLiveBytes } from '../../dist/compiler/liveness/lifetimes.js';
import { packBlocks } from '../../dist/compiler/memory/offsets.js';

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('which folder?');

for (const file of readdirSync(folder).filter((name) => name.endsWith('.csv'))) {
  const [head, ...lines] = readFileSync(join(folder, file), 'utf8').trim().split('\n');
  const columns = head.split(',');
  const column = (name) => columns.indexOf(name);
  const rows = lines.map((line) => line.split(',').map(Number));
  // Only the order of times counts: steps are the stretches between them.
  const times = new Set(rows.flatMap((row) => [row[column('lower')], row[column('upper')]]));
  const step = new Map([...times].sort((a, b) => a - b).map((time, index) => [time, index]));
  const blocks = {
    bytes: Float64Array.from(rows, (row) => row[column('size')]),
    first: Int32Array.from(rows, (row) => step.get(row[column('lower')])),
    last: Int32Array.from(rows, (row) => step.get(row[column('upper')]) - 1),
  };
  const bound = peakLiveBytes(blocks);
  const before = process.cpuUsage();
  const { bytes, method } = packBlocks(blocks, { slabBytes: 2 ** 45, reserved: [] });
  const { user } = process.cpuUsage(before);
  console.log(
    `${file.padEnd(14)} ${String(rows.length).padStart(6)} blocks, bound ${bound}, taken ${bytes}, ` +
      `${(bytes / bound).toFixed(4)}, by ${method} in ${(user / 1e6).toFixed(2)} s`,
  );
}
