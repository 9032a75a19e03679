import pc from 'picocolors';
import { formatBytes } from '../bytes.ts';
import {
  formatDot,
  type InspectedProgram,
  type Inspection,
  inspectPlan,
  planGraph,
} from '../inspect.ts';
import { readPlanFile } from './plan-file.ts';
import { formatPlain, fromBtc } from './report.ts';

const MAX_TENSORS = 8;
const MAX_KERNELS = 12;
const CHART_HEIGHT = 8;

export async function inspectCommand(
  file: string,
  options: { readonly json: boolean; readonly dot: boolean },
): Promise<number> {
  const read = await readPlanFile(file);
  if ('diagnostic' in read) {
    console.error(formatPlain(fromBtc(read.diagnostic)));
    return 1;
  }
  if (options.dot) process.stdout.write(formatDot(planGraph(read.plan)));
  else if (options.json) console.log(JSON.stringify(inspectPlan(read.plan), null, 2));
  else
    process.stdout.write(formatInspection(inspectPlan(read.plan), process.stdout.columns ?? 100));
  return 0;
}

export function formatInspection(inspection: Inspection, columns: number): string {
  return [
    formatMemory(inspection),
    ...inspection.programs.map((program) => formatProgram(program, columns)),
    formatKernels(inspection),
  ].join('\n');
}

function formatMemory({ name, target, producer, memory, parameters }: Inspection): string {
  const budget =
    memory.budgetBytes === null
      ? 'none'
      : `${formatBytes(memory.budgetBytes)} (${((100 * memory.deviceBytes) / memory.budgetBytes).toFixed(1)} % used)`;
  const gap =
    memory.peakLiveBytes > 0
      ? ((100 * (memory.arenaBytes - memory.peakLiveBytes)) / memory.peakLiveBytes).toFixed(1)
      : '0.0';
  const rows = [
    [
      'device',
      `${pc.bold(formatBytes(memory.deviceBytes))}, everything counted; budget: ${budget}`,
    ],
    [
      'parameters',
      `${formatBytes(memory.persistentBytes)} with optimiser state; ${parameters.elements.toLocaleString('en')} trained numbers in ${parameters.count} tensors`,
    ],
    [
      'arena',
      `${formatBytes(memory.arenaBytes)}; the largest live sum is ${formatBytes(memory.peakLiveBytes)} (${gap} % above it)`,
    ],
    ['staging', formatBytes(memory.stagingBytes)],
    ...(memory.hostBytes > 0 ? [['host', formatBytes(memory.hostBytes)]] : []),
  ];
  return `${pc.bold(name)} for ${target} ${pc.dim(`(${producer})`)}\n\n${table(rows)}\n`;
}

function formatProgram(program: InspectedProgram, columns: number): string {
  const head = `${pc.bold(program.name)}: ${program.steps} steps, ${formatCount(program.flops)}FLOP, ${formatBytes(program.bytesMoved)} moved`;
  const peak = `live at the peak, step ${program.peakStep} (${program.peakLabel}${program.peakSource ? `, ${program.peakSource}` : ''}):`;
  const rows = program.liveAtPeak
    .slice(0, MAX_TENSORS)
    .map(({ name, shape, bytes, firstStep, lastStep, source }) => [
      formatBytes(bytes),
      `${name} [${shape.join(', ')}]`,
      `steps ${firstStep} to ${lastStep}`,
      source ?? '',
    ]);
  const more = program.liveAtPeak.length - rows.length;
  return `${head}\n${chart(program, columns)}\n${peak}\n${table(rows, [0])}${more > 0 ? `\n  and ${more} more` : ''}\n`;
}

/** Live bytes over steps as columns of blocks; several steps share a column when the terminal is narrow, at their maximum. */
export function chart({ liveBytes, peakStep }: InspectedProgram, columns: number): string {
  const peak = Math.max(1, ...liveBytes);
  const label = formatBytes(peak);
  const width = Math.max(1, Math.min(liveBytes.length, columns - label.length - 4));
  const heights = Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * liveBytes.length) / width);
    const to = Math.max(from + 1, Math.floor(((column + 1) * liveBytes.length) / width));
    return (Math.max(...liveBytes.slice(from, to)) / peak) * CHART_HEIGHT;
  });
  const repeat = Math.max(1, Math.min(6, Math.floor((columns - label.length - 4) / width)));
  const peakColumn = Math.min(width - 1, Math.floor((peakStep * width) / liveBytes.length));
  const lines: string[] = [];
  for (let row = CHART_HEIGHT - 1; row >= 0; row--) {
    const cells = heights.map((height, column) => {
      const cell = BLOCKS[Math.max(0, Math.min(8, Math.round((height - row) * 8)))].repeat(repeat);
      return column === peakColumn ? pc.yellow(cell) : cell;
    });
    const axis = row === CHART_HEIGHT - 1 ? label : row === 0 ? '0 B' : '';
    lines.push(`  ${axis.padStart(label.length)} ${cells.join('')}`);
  }
  const marker = `${' '.repeat(label.length + 3 + peakColumn * repeat)}${pc.yellow('^')} step ${peakStep}`;
  return [...lines, marker].join('\n');
}

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

function formatKernels({ kernels }: Inspection): string {
  const rows = kernels
    .slice(0, MAX_KERNELS)
    .map(({ name, steps, flopsShare, bytesShare }) => [
      `${(100 * flopsShare).toFixed(1)} %`,
      `${(100 * bytesShare).toFixed(1)} %`,
      String(steps),
      name,
    ]);
  const more = kernels.length - rows.length;
  return `${pc.bold('kernels')}\n${table([['FLOP', 'bytes', 'steps', 'kernel'], ...rows], [0, 1, 2])}${more > 0 ? `\n  and ${more} more` : ''}\n`;
}

/** Columns as wide as their widest cell; the named ones aligned to the right. */
function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, k) => {
      widths[k] = Math.max(widths[k] ?? 0, cell.length);
    });
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, k) => (right.includes(k) ? cell.padStart(widths[k]) : cell.padEnd(widths[k])))
          .join('  ')
          .trimEnd()}`,
    )
    .join('\n');
}

/** `73.04 M`, with a space before the unit. */
function formatCount(count: number): string {
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(2)} ${unit}`;
  }
  return `${count} `;
}
