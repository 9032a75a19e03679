import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const worker = fileURLToPath(new URL('./plan.mjs', import.meta.url));

/** Room for what passes make and drop at once: the more there is, the less of it is copied. */
const YOUNG_MEBIBYTES = 64;

/** What plan.mjs prints for a network, from a process of its own; `problem` says why there is no plan. */
export function planInProcess(job, { mostSeconds = 900, heapMebibytes = 8192 } = {}) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [
      `--max-old-space-size=${heapMebibytes}`,
      `--max-semi-space-size=${YOUNG_MEBIBYTES}`,
      worker,
      JSON.stringify(job),
    ],
    { encoding: 'utf8', timeout: mostSeconds * 1e3, maxBuffer: 2 ** 28 },
  );
  if (status === 0) return JSON.parse(stdout);
  const reason =
    signal === 'SIGTERM' ? `no plan in ${mostSeconds} s` : stderr.trim().split('\n').at(-1);
  return { problem: reason || `ended by ${signal ?? `status ${status}`}` };
}

/** Prints a table line by line as its rows become known; the first column is flush left. */
export function table(headings) {
  const widths = headings.map((heading, k) => Math.max(heading.length, k === 0 ? 14 : 9) + 2);
  const row = (cells) =>
    console.log(
      cells.map((cell, k) => String(cell)[k ? 'padStart' : 'padEnd'](widths[k] ?? 0)).join(''),
    );
  row(headings);
  return row;
}
