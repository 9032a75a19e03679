import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readInstance } from './instance.ts';
import { BudgetError, planInstance } from './search.ts';

// The recompute table: our cost beside the proven optimum and the best of four greedy heuristics (DTR's, Belady's), all over the cost
// without recompute. The instances are graphs that Checkmate extracted, and layered random ones.
//   npm run bench:remat -- FOLDER [SECONDS]   (or BTC_REMAT_INSTANCES; default ../shared/instances/remat, 10 seconds a row)

interface Row {
  readonly graph: string;
  readonly fraction: number;
  /** Proved for the given order by an integer program; null where it is open. */
  readonly optimum: number | null;
  /** Null where no greedy heuristic finds a plan. */
  readonly greedy: number | null;
}

const row = (graph: string, ...rest: readonly [number, number | null, number | null]): Row => {
  const [fraction, optimum, greedy] = rest;
  return { graph, fraction, optimum, greedy };
};

const ROWS: readonly Row[] = [
  row('vgg16-b256', 0.9, 1.0197, 1.0197),
  row('unet-b32', 0.9, 1.0113, 1.0161),
  row('unet-b32', 0.8, 1.0198, 1.026),
  row('unet-b32', 0.7, 1.0297, 1.0392),
  row('unet-b32', 0.6, 1.0445, 1.0634),
  row('unet-b32', 0.5, 1.0697, 1.0939),
  row('unet-b32', 0.45, null, 1.1087),
  row('unet-b32', 0.4, null, null),
  row('mobilenet-b512', 0.9, 1.0016, 1.0016),
  row('mobilenet-b512', 0.8, 1.0037, 1.0037),
  row('mobilenet-b512', 0.5, 1.0163, 1.0174),
  row('mobilenet-b512', 0.4, null, 1.026),
  row('mobilenet-b512', 0.3, null, 1.0428),
  row('mobilenet-b512', 0.2, null, 1.0964),
  row('random-100', 0.9, null, 1.977),
  row('random-100', 0.8, null, null),
  row('random-250', 0.9, null, null),
  row('random-250', 0.8, null, null),
];

const [folder = process.env['BTC_REMAT_INSTANCES'] ?? '../shared/instances/remat', seconds = '10'] =
  process.argv.slice(2);
const shown = (cost: number | null) => (cost === null ? '-' : cost.toFixed(4));
const line = (cells: readonly string[]) =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(16) : cell.padStart(9))).join(' '));

line(['graph', 'budget', 'ours', 'optimum', 'greedy', 'bound', 'peak', 'seconds', 'method']);
for (const { graph, fraction, optimum, greedy } of ROWS) {
  const instance = readInstance(readFileSync(join(folder, `${graph}.json`), 'utf8'));
  const known = [shown(optimum), shown(greedy)];
  try {
    const planned = await planInstance(instance, {
      budgetBytes: Math.floor(fraction * instance.peakInOrder),
      ...{ swapBytesPerSecond: null, unitSeconds: 1e-6, solve: 'heuristic' },
      seconds: Number(seconds),
    });
    const { cost, lowerBound, peak, method } = planned;
    const part = (peak / instance.peakInOrder).toFixed(4);
    const rest = [lowerBound.toFixed(4), part, planned.seconds.toFixed(2), method];
    line([graph, String(fraction), cost.toFixed(4), ...known, ...rest]);
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    line([graph, String(fraction), 'no plan', ...known]);
  }
}
