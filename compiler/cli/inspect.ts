import { indexNotes } from '../../ir/index-range.ts';
import type {
  HostMemory,
  Plan,
  PlanBound,
  PlanByteBounds,
  PlanInput,
  PlanMemory,
  PlanPrediction,
} from '../../ir/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatAmount, formatBytes, formatCount, formatSeconds, formatType } from '../format.ts';
import { boundText } from '../inspect/bound-ranges.ts';
import {
  formatDot,
  type InspectedProgram,
  type Inspection,
  inspectPlan,
  planGraph,
} from '../inspect/index.ts';
import { isPlanned, readChromeTrace } from '../inspect/read-chrome-trace.ts';
import { WAYS } from '../inspect/why-words.ts';
import { chart } from './chart.ts';
import { readJsonFile } from './file-kinds.ts';
import { formatGap } from './gap.ts';
import { idleInspectOptions } from './idle-options.ts';
import { formatContractions } from './inspect-contractions.ts';
import { type FilesToWrite, writeFiles } from './inspect-files.ts';
import {
  formatMeasured,
  formatPredictedKernels,
  givenProfile,
  type MeasuredTimes,
  measuredTimes,
  type TraceOptions,
} from './kernel-times.ts';
import { outputProblem } from './output-problem.ts';
import { foreignProblem } from './own-files.ts';
import { readPlanFile } from './plan-file.ts';
import { formatPlain, fromBtc } from './report.ts';
import { roundingNotes } from './rounding-notes.ts';
import { style } from './style.ts';
import { table } from './table.ts';
import { whyCommand } from './why.ts';

const MAX_TENSORS = 8;
const MAX_KERNELS = 12;

export interface InspectCommandOptions extends TraceOptions {
  readonly all?: boolean;
  /** Only the kernels: how each is made, and what it takes. */
  readonly kernels?: boolean;
  readonly json?: boolean;
  readonly dot?: boolean;
  /** Name of a tensor. */
  readonly why?: string;
  /** A file for the plan by predicted times, in Chrome's trace event format. */
  readonly timeline?: string;
  /** A file for the plan's allocations, as PyTorch's page of memory reads them. */
  readonly snapshot?: string;
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
  const traced = await readTrace(plan, options);
  const problems =
    'diagnostics' in traced ? traced.diagnostics : await written(file, plan, traced, options);
  if (problems.length > 0 || 'diagnostics' in traced) {
    for (const problem of problems) console.error(formatPlain(fromBtc(problem)));
    return 1;
  }
  for (const warning of idleInspectOptions(options)) console.error(formatPlain(fromBtc(warning)));
  if (options.why !== undefined) return whyCommand(file, plan, options.why, options.json ?? false);
  const { measured } = traced;
  const columns = process.stdout.columns ?? 100;
  if (options.dot) process.stdout.write(formatDot(planGraph(plan)));
  else if (options.json)
    console.log(
      JSON.stringify({ ...withInterfaces(plan), ...(measured ? { measured } : {}) }, null, 2),
    );
  else {
    const all = options.all ?? false;
    if (!options.kernels) process.stdout.write(formatInspection(plan, columns, all));
    else if (!measured) process.stdout.write(formatPredictedKernels(plan, all));
    if (measured) process.stdout.write(`\n${formatMeasured(measured, all)}`);
  }
  return 0;
}

/** Writes the files that are asked for, where none is one that is read; what went wrong. */
async function written(
  file: string,
  plan: Plan,
  { files }: Traced,
  { trace, profile }: InspectCommandOptions,
): Promise<readonly Diagnostic[]> {
  const { trace: predicted, timeline, snapshot } = files;
  const read = [file, profile, predicted === undefined ? trace : undefined];
  const unfit =
    (await outputProblem(read, {
      '--timeline': timeline,
      '--trace': predicted,
      '--snapshot': snapshot,
    })) ??
    (await foreignProblem([
      ['trace', timeline],
      ['snapshot', snapshot],
    ]));
  return unfit ? [unfit] : writeFiles(plan, files);
}

interface Traced {
  /** What a trace file says; null where none is read. */
  readonly measured: MeasuredTimes | null;
  readonly files: FilesToWrite;
}

/**
 * `--trace` reads a file of `btc run --trace`. One that is not there, or that was written by this command, is written in place of
 * that with predicted times; where measured times are asked for (`--kernels`, `--profile`), it must be there.
 */
async function readTrace(
  plan: Plan,
  options: InspectCommandOptions,
): Promise<Traced | { readonly diagnostics: readonly Diagnostic[] }> {
  const given = await givenProfile(options);
  if ('diagnostics' in given) return given;
  const { trace: file, kernels, profile, ...rest } = options;
  if (file === undefined) return { measured: null, files: rest };
  const read = await readJsonFile(file, 'trace');
  const isWanted = kernels || profile !== undefined;
  const isMissing = 'diagnostic' in read && read.diagnostic.code === 'BTC6003';
  if (!isWanted && (isMissing || ('value' in read && isPlanned(read.value))))
    return { measured: null, files: { ...rest, trace: file } };
  if ('diagnostic' in read) return { diagnostics: [read.diagnostic] };
  const found = readChromeTrace(read.value, plan);
  if ('reason' in found)
    return { diagnostics: [diagnostic(6030, null, { file, reason: found.reason })] };
  return { measured: measuredTimes(plan, found.trace, found.device, given.profile), files: rest };
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
  const inspection = inspectPlan(plan, all);
  return [
    formatMemory(inspection, roundingNotes(plan)),
    ...inspection.programs.map((program) => formatProgram(plan, program, columns, all)),
    ...formatLayers(inspection),
    ...formatContractions(inspection, all),
    formatKernels(inspection, all),
    ...(all ? [formatTensors(plan)] : []),
  ].join('\n');
}

function formatMemory(
  { name, target, producer, memory, parameters }: Inspection,
  notes: readonly string[],
): string {
  const budget =
    memory.budgetBytes === null
      ? 'none'
      : `${formatBytes(memory.budgetBytes)} (${((100 * memory.deviceBytes) / memory.budgetBytes).toFixed(1)} % used)`;
  const { method, gapBytes } = memory.packing;
  const gap =
    gapBytes > 0
      ? `${formatBytes(gapBytes)} (${((100 * gapBytes) / memory.peakLiveBytes).toFixed(1)} %) above`
      : 'equal to';
  const rows = [
    [
      'device',
      `${style.bold(formatBytes(memory.deviceBytes))}, everything counted; budget: ${budget}`,
    ],
    [
      'parameters',
      `${formatBytes(memory.persistentBytes)} with optimiser state; ${parameters.elements.toLocaleString('en')} trained numbers in ${formatAmount(parameters.count, 'tensor')}`,
    ],
    [
      'arena',
      `${formatBytes(memory.arenaBytes)}, ${gap} the peak live bytes, ${formatBytes(memory.peakLiveBytes)}; packed by ${method}`,
    ],
    ...(memory.bounds ? [['bound', formatStepBound(memory.bounds)]] : []),
    ['staging', formatBytes(memory.stagingBytes)],
    ['host', formatHost(memory)],
    ...notes.map((note) => ['computed', note]),
  ];
  return `${style.bold(name)} for ${target} ${style.dim(`(${producer})`)}\n\n${table(rows)}\n`;
}

/** What the largest step takes, and how far above it the plan is. */
function formatStepBound({ step }: PlanByteBounds): string {
  return `no plan takes less than ${formatBytes(step.lowerBound)} (${step.method}); this one is ${formatGap(step)} above`;
}

const HOST_PARTS: Readonly<Record<keyof HostMemory, string>> = {
  homeBytes: 'host-resident parameters',
  snapshotBytes: 'snapshots of those on the device',
  valueBytes: 'values of a run',
  readingBytes: 'buffers to read files',
  writingBytes: 'buffers to write files',
};

/** All host memory by what it is for, and what more the option of `load` would take. */
function formatHost({ hostBytes, host, snapshotOptionBytes, spillBytes }: PlanMemory): string {
  const parts = Object.entries(HOST_PARTS).flatMap(([key, what]) => {
    const bytes = host[key as keyof HostMemory];
    return bytes > 0 ? [`${formatBytes(bytes)} ${what}`] : [];
  });
  return [
    formatBytes(hostBytes) + (parts.length > 0 ? `: ${parts.join(', ')}` : ''),
    ...(spillBytes > 0 ? [`${formatBytes(spillBytes)} in a spill file`] : []),
    ...(snapshotOptionBytes > 0 ? [`snapshots would add ${formatBytes(snapshotOptionBytes)}`] : []),
  ].join('; ');
}

function formatProgram(
  plan: Plan,
  program: InspectedProgram,
  columns: number,
  all: boolean,
): string {
  const head = `${style.bold(program.name)}: ${formatAmount(program.steps, 'step')}, ${formatCount(program.flops)}FLOP, ${formatBytes(program.bytesMoved)} moved`;
  const { predicted, bound } = plan.programs[program.name];
  const at = [program.peakLabel, program.peakScope, program.peakSource ?? ''];
  const peak = `live at the peak, step ${program.peakStep} (${at.filter((part) => part !== '').join(', ')}):`;
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
    ...(bound ? [formatBound(bound)] : []),
    chart(program, columns),
    ...formatActions(program, all),
    peak,
    `${firstRows(rows, all ? rows.length : MAX_TENSORS, [0])}\n`,
  ].join('\n');
}

/** Recomputed steps and copies to the host, and the values that they are for; nothing where all values are kept. */
function formatActions({ actions, steps }: InspectedProgram, all: boolean): string[] {
  const { recompute, swap, values } = actions;
  if (values.length === 0 && swap.transfers === 0) return [];
  const time = (seconds: number | null) => (seconds === null ? '' : `, ${formatSeconds(seconds)}`);
  const totals = [
    ...(recompute.steps > 0
      ? [`${recompute.steps} of ${steps} steps recomputed${time(recompute.seconds)}`]
      : []),
    ...(swap.transfers > 0
      ? [
          `${formatAmount(swap.transfers, 'transfer')}, ${formatBytes(swap.outBytes)} out and ${formatBytes(swap.inBytes)} in${time(swap.seconds)}`,
        ]
      : []),
  ];
  const rows = values.map(({ name, bytes, actions, lives, savedByteSteps, ...costs }) => [
    formatBytes(bytes),
    name,
    actions.map((way) => WAYS[way]).join(' and '),
    `steps ${lives.map(({ firstStep, lastStep }) => `${firstStep} to ${lastStep}`).join(', ')}`,
    `saves ${formatAmount(Math.round(savedByteSteps / bytes), 'step')}`,
    costs.recomputeSeconds === null || costs.swapSeconds === null
      ? ''
      : `takes ${formatSeconds(costs.recomputeSeconds + costs.swapSeconds)}`,
  ]);
  return [
    `for less memory: ${totals.join('; ')} (--why TENSOR says more)`,
    firstRows(rows, all ? rows.length : MAX_TENSORS, [0]),
  ];
}

/** The predicted time of a run, and the parts of it beyond the steps of a run without a budget. */
function formatPrediction(predicted: PlanPrediction, profile: string | undefined): string {
  const { seconds, recomputeSeconds, swapSeconds, interfaceSeconds } = predicted;
  const parts = [
    [recomputeSeconds, 'recomputing'],
    [swapSeconds, 'swapping'],
    [interfaceSeconds, 'inputs and outputs'],
  ] as const;
  const listed = parts
    .filter(([part]) => part > 0)
    .map(([part, name]) => `${formatSeconds(part)} ${name}`);
  const rest = listed.length > 0 ? `, of that ${listed.join(', ')}` : '';
  return `predicted: ${style.bold(formatSeconds(seconds))} per run${rest} ${style.dim(`(${profile})`)}`;
}

function formatBound(bound: PlanBound): string {
  const { lowerBound, method } = bound;
  return `lower bound: ${formatSeconds(lowerBound)} (${method}); the plan is ${formatGap(bound)} above`;
}

/** What is to be known of the values of an input. */
function inputNote(input: PlanInput): string {
  if (input.counter) return 'the number of finished runs';
  const initial = input.default === null ? [] : [`default ${input.default}`];
  return [...initial, ...indexNotes(input)].join(', ');
}

/** What a program takes and gives, a line each. */
function formatInterface(plan: Plan, name: string): string {
  const { inputs, outputs } = plan.programs[name];
  return table([
    ...inputs.map((input) => ['input', input.name, formatType(input), inputNote(input)]),
    ...outputs.map((output) => ['output', output.name, formatType(output), '']),
  ]);
}

/** What each layer takes; nothing where all belongs to none. */
function formatLayers({ layers }: Inspection): string[] {
  if (layers.every(({ name }) => name === '')) return [];
  const [flops, seconds] = [
    layers.reduce((sum, layer) => sum + layer.flops, 0) || 1,
    layers.reduce((sum, layer) => sum + (layer.seconds ?? 0), 0) || 1,
  ];
  const share = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
  const isTimed = layers.every((layer) => layer.seconds !== null);
  const rows = layers.map((layer) => [
    ...(isTimed ? [share(layer.seconds ?? 0, seconds)] : []),
    share(layer.flops, flops),
    formatBytes(layer.parameterBytes),
    formatBytes(layer.stateBytes),
    formatBytes(layer.peakBytes),
    layer.name === '' ? '(no layer)' : layer.name,
  ]);
  const head = [...(isTimed ? ['time'] : []), 'FLOP', 'parameters', 'state', 'at peak', 'layer'];
  const right = head.slice(0, -1).map((_, column) => column);
  return [`${style.bold('layers')}\n${table([head, ...rows], right)}\n`];
}

/** A table of so many rows, and how many it leaves out. */
function firstRows(rows: readonly string[][], count: number, right: readonly number[]): string {
  const more = rows.length - count;
  return `${table(rows.slice(0, count), right)}${more > 0 ? `\n  and ${more} more (--all)` : ''}`;
}

function formatKernels({ kernels }: Inspection, all: boolean): string {
  // Where some tensors are bound together, it is said which kernels bind how many.
  const hasSpans = kernels.some(({ bindings, ranges }) => bindings !== ranges);
  const rows = kernels.map(({ name, steps, flopsShare, bytesShare, ...bound }) => [
    `${(100 * flopsShare).toFixed(1)} %`,
    `${(100 * bytesShare).toFixed(1)} %`,
    String(steps),
    ...(hasSpans ? [boundText(bound)] : []),
    name,
  ]);
  const head = ['FLOP', 'bytes', 'steps', ...(hasSpans ? ['bindings'] : []), 'kernel'];
  const right = head.slice(0, -1).map((_, column) => column);
  const shown = all ? rows.length : MAX_KERNELS;
  return `${style.bold('kernels')}\n${firstRows([head, ...rows], 1 + shown, right)}\n`;
}

/** Every tensor with its place in the slabs and its life. */
function formatTensors({ tensors }: Plan): string {
  const rows = tensors.map((tensor) => [
    formatBytes(tensor.bytes),
    tensor.slab === null ? '' : `${tensor.slab}:${tensor.offset}`,
    tensor.name,
    formatType(tensor),
    tensor.role,
    tensor.copyOf ? WAYS[tensor.copyOf.by] : tensor.policy,
    tensor.program === null ? '' : `steps ${tensor.firstStep} to ${tensor.lastStep}`,
  ]);
  const head = ['size', 'slab:offset', 'tensor', 'type', 'role', 'memory', 'life'];
  return `${style.bold('tensors')}\n${table([head, ...rows], [0, 1])}\n`;
}
