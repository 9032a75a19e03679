import type { Plan, PlanPrediction } from '../../ir/plan.ts';
import { formatSpan } from '../../ir/source.ts';
import { formatBytes } from '../bytes.ts';
import {
  formatDot,
  type InspectedContraction,
  type InspectedProgram,
  type Inspection,
  inspectPlan,
  planGraph,
} from '../inspect.ts';
import { formatSeconds } from '../seconds.ts';
import { readPlanFile } from './plan-file.ts';
import { formatPlain, fromBtc } from './report.ts';
import { style } from './style.ts';
import { formatType, table } from './table.ts';

const MAX_TENSORS = 8;
const MAX_KERNELS = 12;
const MAX_CONTRACTIONS = 3;
const CHART_HEIGHT = 8;

export interface InspectCommandOptions {
  readonly all?: boolean;
  readonly json?: boolean;
  readonly dot?: boolean;
}

export async function inspectCommand(
  file: string,
  options: InspectCommandOptions,
): Promise<number> {
  const read = await readPlanFile(file);
  if ('diagnostic' in read) {
    console.error(formatPlain(fromBtc(read.diagnostic)));
    return 1;
  }
  const { plan } = read;
  const columns = process.stdout.columns ?? 100;
  if (options.dot) process.stdout.write(formatDot(planGraph(plan)));
  else if (options.json) console.log(JSON.stringify(withInterfaces(plan), null, 2));
  else process.stdout.write(formatInspection(plan, columns, options.all ?? false));
  return 0;
}

/** The inspection as data, with what each program takes and gives. */
function withInterfaces(plan: Plan) {
  const inspection = inspectPlan(plan);
  return {
    ...inspection,
    programs: inspection.programs.map((program) => {
      const { inputs, outputs } = plan.programs[program.name];
      return {
        ...program,
        inputs: inputs.map(({ tensor: _, ...input }) => input),
        outputs: outputs.map(({ tensor: _, ...output }) => output),
      };
    }),
  };
}

export function formatInspection(plan: Plan, columns: number, all: boolean): string {
  const inspection = inspectPlan(plan);
  return [
    formatMemory(inspection),
    ...inspection.programs.map((program) => formatProgram(plan, program, columns, all)),
    ...formatContractions(inspection, all),
    formatKernels(inspection, all),
    ...(all ? [formatTensors(plan)] : []),
  ].join('\n');
}

function formatMemory({ name, target, producer, memory, parameters }: Inspection): string {
  const budget =
    memory.budgetBytes === null
      ? 'none'
      : `${formatBytes(memory.budgetBytes)} (${((100 * memory.deviceBytes) / memory.budgetBytes).toFixed(1)} % used)`;
  const { method, gapBytes } = memory.packing;
  const gap =
    gapBytes > 0
      ? `${formatBytes(gapBytes)} (${((100 * gapBytes) / memory.peakLiveBytes).toFixed(1)} %) above`
      : 'just';
  const rows = [
    [
      'device',
      `${style.bold(formatBytes(memory.deviceBytes))}, everything counted; budget: ${budget}`,
    ],
    [
      'parameters',
      `${formatBytes(memory.persistentBytes)} with optimiser state; ${parameters.elements.toLocaleString('en')} trained numbers in ${parameters.count} tensors`,
    ],
    [
      'arena',
      `${formatBytes(memory.arenaBytes)}, ${gap} the largest live sum of ${formatBytes(memory.peakLiveBytes)}; packed by ${method}`,
    ],
    ['staging', formatBytes(memory.stagingBytes)],
    ...(memory.hostBytes > 0 ? [['host', formatBytes(memory.hostBytes)]] : []),
  ];
  return `${style.bold(name)} for ${target} ${style.dim(`(${producer})`)}\n\n${table(rows)}\n`;
}

function formatProgram(
  plan: Plan,
  program: InspectedProgram,
  columns: number,
  all: boolean,
): string {
  const head = `${style.bold(program.name)}: ${program.steps} steps, ${formatCount(program.flops)}FLOP, ${formatBytes(program.bytesMoved)} moved`;
  const { predicted } = plan.programs[program.name];
  const peak = `live at the peak, step ${program.peakStep} (${program.peakLabel}${program.peakSource ? `, ${program.peakSource}` : ''}):`;
  const rows = program.liveAtPeak.map(({ name, shape, bytes, firstStep, lastStep, source }) => [
    formatBytes(bytes),
    `${name} [${shape.join(', ')}]`,
    `steps ${firstStep} to ${lastStep}`,
    source ?? '',
  ]);
  return [
    head,
    formatInterface(plan, program.name),
    ...(predicted ? [formatPrediction(predicted, plan.profile)] : []),
    chart(program, columns),
    peak,
    `${firstRows(rows, all ? rows.length : MAX_TENSORS, [0])}\n`,
  ].join('\n');
}

/** The predicted time of a run, and what of it goes into other things than the steps of a run without a budget. */
function formatPrediction(predicted: PlanPrediction, profile: string | undefined): string {
  const { seconds, recomputeSeconds, swapSeconds, interfaceSeconds } = predicted;
  const parts = [
    [recomputeSeconds, 'computing again'],
    [swapSeconds, 'swapping'],
    [interfaceSeconds, 'handing over'],
  ] as const;
  const listed = parts
    .filter(([part]) => part > 0)
    .map(([part, name]) => `${formatSeconds(part)} ${name}`);
  const rest = listed.length > 0 ? `, of that ${listed.join(', ')}` : '';
  return `predicted: ${style.bold(formatSeconds(seconds))} per run${rest} ${style.dim(`(${profile})`)}`;
}

/** What a program takes and gives, a line each. */
function formatInterface(plan: Plan, name: string): string {
  const { inputs, outputs } = plan.programs[name];
  return table([
    ...inputs.map((input) => [
      'input',
      input.name,
      formatType(input),
      input.counter
        ? 'the number of finished runs'
        : input.default === null
          ? ''
          : `default ${input.default}`,
    ]),
    ...outputs.map((output) => ['output', output.name, formatType(output), '']),
  ]);
}

/** A table of so many rows, and how many it leaves out. */
function firstRows(rows: readonly string[][], count: number, right: readonly number[]): string {
  const more = rows.length - count;
  return `${table(rows.slice(0, count), right)}${more > 0 ? `\n  and ${more} more (--all)` : ''}`;
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
      return column === peakColumn ? style.yellow(cell) : cell;
    });
    const axis = row === CHART_HEIGHT - 1 ? label : row === 0 ? '0 B' : '';
    lines.push(`  ${axis.padStart(label.length)} ${cells.join('')}`);
  }
  const marker = `${' '.repeat(label.length + 3 + peakColumn * repeat)}${style.yellow('^')} step ${peakStep}`;
  return [...lines, marker].join('\n');
}

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

function formatKernels({ kernels }: Inspection, all: boolean): string {
  const rows = kernels.map(({ name, steps, flopsShare, bytesShare }) => [
    `${(100 * flopsShare).toFixed(1)} %`,
    `${(100 * bytesShare).toFixed(1)} %`,
    String(steps),
    name,
  ]);
  const head = ['FLOP', 'bytes', 'steps', 'kernel'];
  const shown = all ? rows.length : MAX_KERNELS;
  return `${style.bold('kernels')}\n${firstRows([head, ...rows], 1 + shown, [0, 1, 2])}\n`;
}

/** The order of every einsum, those that take most first; equal ones of several programs once. */
function formatContractions({ programs }: Inspection, all: boolean): string[] {
  const shown = new Map<string, { contraction: InspectedContraction; places: string[] }>();
  for (const { name, contractions } of programs)
    for (const contraction of contractions) {
      const { equation, sizes, order, times } = contraction;
      const key = JSON.stringify([equation, sizes, order]);
      const entry = shown.get(key) ?? { contraction, places: [] };
      if (contraction.trainMacs !== null) entry.contraction = contraction;
      entry.places.push(times > 1 ? `${name} (${times} times)` : name);
      shown.set(key, entry);
    }
  if (shown.size === 0) return [];
  const ordered = [...shown.values()].sort((a, b) => b.contraction.macs - a.contraction.macs);
  const count = all ? ordered.length : MAX_CONTRACTIONS;
  const more = ordered.length - count;
  return [
    [
      style.bold('contractions'),
      ...ordered.slice(0, count).map(formatContraction),
      ...(more > 0 ? [`  and ${more} more (--all)\n`] : []),
    ].join('\n'),
  ];
}

function formatContraction({
  contraction,
  places,
}: {
  readonly contraction: InspectedContraction;
  readonly places: readonly string[];
}): string {
  const { equation, macs, trainMacs, leftToRightMacs, denseMacs, source, method } = contraction;
  const beside = (other: number) =>
    `${formatCount(other).trim()} (${(other / macs).toPrecision(3)} times)`;
  const where = [`in ${places.join(', ')}`, ...(source ? [formatSpan(source)] : [])].join(', ');
  return [
    `  ${style.bold(equation)}  ${style.dim(where)}`,
    ...table([
      ['this order', `${formatCount(macs).trim()} multiply-adds, ${METHODS[method]}`],
      ...(trainMacs === null ? [] : [['with gradients', formatCount(trainMacs).trim()]]),
      ['left to right', beside(leftToRightMacs)],
      ['dense', beside(denseMacs)],
    ])
      .split('\n')
      .map((line) => `  ${line}`),
    ...formatTree(contraction).map((line) => `    ${line}`),
    '',
  ].join('\n');
}

const METHODS = {
  exact: 'the best of all orders',
  heuristic: 'the best that was found',
  bounded: 'the best that was found within the budget',
} as const;

/** The tree from the result down, each contraction with its multiply-adds; operands by number and letters. */
function formatTree({ operands, steps, windows = [] }: InspectedContraction): string[] {
  const lines: string[] = [];
  const pending = [{ part: operands.length + steps.length - 1, lead: '', branch: '', below: '' }];
  while (pending.length > 0) {
    const { part, lead, branch, below } = pending.pop()!;
    const step = steps[part - operands.length];
    const text = step
      ? `${step.result || 'scalar'}  ${style.dim(step.macs === 0 ? 'a view' : formatCount(step.macs).trim())}`
      : style.dim(`${windows.includes(part) ? 'window' : '#'}${part} ${operands[part]}`);
    lines.push(`${lead}${branch}${text}`);
    if (!step) continue;
    const inner = lead + below;
    pending.push({ part: step.right, lead: inner, branch: '└─ ', below: '   ' });
    pending.push({ part: step.left, lead: inner, branch: '├─ ', below: '│  ' });
  }
  return lines;
}

/** Every tensor with its place in the slabs and its life. */
function formatTensors({ tensors }: Plan): string {
  const rows = tensors.map((tensor) => [
    formatBytes(tensor.bytes),
    `${tensor.slab}:${tensor.offset}`,
    tensor.name,
    formatType(tensor),
    tensor.role,
    tensor.policy,
    tensor.program === null ? '' : `steps ${tensor.firstStep} to ${tensor.lastStep}`,
  ]);
  const head = ['size', 'slab:offset', 'tensor', 'type', 'role', 'memory', 'life'];
  return `${style.bold('tensors')}\n${table([head, ...rows], [0, 1])}\n`;
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
