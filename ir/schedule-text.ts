import {
  formatName,
  formatNumber,
  LineReader,
  NAME_PATTERN,
  parseKernelBody,
  parseName,
  parseNumber,
  printKernel,
} from './kernel-text.ts';
import { append } from './lists.ts';
import type { BufferSet, HostSlot, HostTier, TensorRole } from './plan.ts';
import type {
  AllocatedSchedule,
  Placement,
  Schedule,
  ScheduleProgram,
  ScheduleSlot,
  ScheduleStep,
  ScheduleTensor,
  ScheduleTransfer,
} from './schedule.ts';
import { formatChain, parseChain, type SourceSpan } from './source.ts';
import { formatType, parseType } from './tensor.ts';

// The text form of a schedule. Kernels, tensors and steps are numbered from 0 in the order in which they stand:
//
//   schedule digits
//   memory arena 512 persistent 256 peak 512 staging 16 packing skyline/edge      (allocated schedules only, as are `slab` and ` in `)
//   slab 1024
//   slot memory home t3 copies 2 at 0 bytes 256              (h0; ` home `, ` copies ` where there are any; ` at ` when allocated)
//   kernel double { … }                                      (k0)
//   tensor t0 image: f32[32] input of train in slab 0 at 256 steps 0..0 arena @ model.ts(3,5)
//   program train
//     input image = t0 default 0 counter
//     step 0: k0(t0, t1) "contract" macs 640 @ model.ts(7,9)
//     out t4 to h1 after 0                                   (transfers)
//     in t5 from h1 before 3
//     output loss = t1
//
// What comes from a layer says so before its place, ` within stage1.conv2 pass gradient @ blocks.ts(4,10) from model.ts(12,9)`.
// A rematerialised tensor has ` recompute of t4` or ` swap of t4` behind its program, a host-resident parameter
// ` host-resident`, a recomputed step ` recomputed` behind its label.

/** ` within stage1.conv2 pass gradient @ blocks.ts(4,10) from model.ts(12,9)` */
function formatSource({ source, scope, pass }: Pick<ScheduleStep, 'source' | 'scope' | 'pass'>) {
  const within = scope === undefined ? '' : ` within ${formatName(scope)}`;
  const part = pass === undefined ? '' : ` pass ${pass}`;
  return `${within}${part}${source ? ` @ ${formatChain(source)}` : ''}`;
}

function formatTensor(
  tensor: ScheduleTensor,
  programs: readonly ScheduleProgram[],
  placement: Placement | undefined,
): string {
  const program = tensor.program === null ? '' : ` of ${formatName(programs[tensor.program].name)}`;
  const copy = tensor.copyOf ? ` ${tensor.copyOf.by} of t${tensor.copyOf.tensor}` : '';
  const host = tensor.hostResident ? ' host-resident' : '';
  const place = placement
    ? ` in slab ${placement.slab ?? '-'} at ${placement.offset} steps ${placement.firstStep}..${placement.lastStep} ${placement.policy}`
    : '';
  return `${formatName(tensor.name)}: ${formatType(tensor)} ${tensor.role}${program}${copy}${host}${place}${formatSource(tensor)}`;
}

function formatProgram(program: ScheduleProgram): string[] {
  const lines = [`program ${formatName(program.name)}`];
  for (const input of program.inputs) {
    const initial = input.default === null ? '' : ` default ${formatNumber(input.default)}`;
    const counter = input.counter ? ' counter' : '';
    const ranges = input.ranges ? ` indices ${JSON.stringify(input.ranges)}` : '';
    lines.push(`  input ${formatName(input.name)} = t${input.tensor}${initial}${counter}${ranges}`);
  }
  program.steps.forEach((step, index) => {
    const operands = step.operands.map((operand, k) =>
      formatRange(operand, step.offsets?.[k] ?? 0),
    );
    const label = JSON.stringify(step.label);
    const recomputed = step.recomputed ? ' recomputed' : '';
    const macs = step.macs === undefined ? '' : ` macs ${step.macs}`;
    lines.push(
      `  step ${index}: k${step.kernel}(${operands.join(', ')}) ${label}${recomputed}${macs}${formatSource(step)}`,
    );
  });
  for (const { kind, tensor, slot, step } of program.transfers ?? []) {
    lines.push(
      kind === 'out'
        ? `  out t${tensor} to h${slot} after ${step}`
        : `  in t${tensor} from h${slot} before ${step}`,
    );
  }
  for (const output of program.outputs) {
    lines.push(`  output ${formatName(output.name)} = t${output.tensor}`);
  }
  return lines;
}

/** `t5`, or `t5+640` for the range of tensor 5 that starts at element 640. */
function formatRange(tensor: number, offset: number): string {
  return offset === 0 ? `t${tensor}` : `t${tensor}+${offset}`;
}

const BUFFER_SETS = [
  ['swap', 'swapStaging'],
  ['reading', 'reading'],
  ['writing', 'writing'],
] as const;

/** ` swap 2x65536`; nothing for no buffers. */
function formatBuffers(word: string, { buffers, bytes }: BufferSet): string {
  return buffers > 0 ? ` ${word} ${buffers}x${bytes}` : '';
}

/** The text form of a schedule before or after allocation; {@link parseSchedule} is its exact inverse. */
export function printSchedule(schedule: Schedule | AllocatedSchedule): string {
  const allocated = 'placements' in schedule ? schedule : null;
  const lines = [`schedule ${formatName(schedule.name)}`];
  if (allocated) {
    const { arenaBytes, persistentBytes, peakLiveBytes, stagingBytes } = allocated;
    const sets = BUFFER_SETS.map(([word, key]) => formatBuffers(word, allocated[key])).join('');
    lines.push(
      `memory arena ${arenaBytes} persistent ${persistentBytes} peak ${peakLiveBytes} staging ${stagingBytes}${sets} packing ${allocated.packing}`,
    );
    for (const slab of allocated.slabs) lines.push(`slab ${slab.bytes}`);
  }
  const slots: readonly (ScheduleSlot | HostSlot)[] = allocated?.hostSlots ?? schedule.slots ?? [];
  for (const slot of slots) {
    const home = slot.tensor === null ? '' : ` home t${slot.tensor}`;
    const copies = slot.copies === 1 ? '' : ` copies ${slot.copies}`;
    const place = 'offset' in slot ? ` at ${slot.offset} bytes ${slot.bytes}` : '';
    lines.push(`slot ${slot.tier}${home}${copies}${place}`);
  }
  for (const { tier, tensor, copies, offset, bytes } of allocated?.snapshots ?? [])
    lines.push(`snapshot ${tier} t${tensor} copies ${copies} at ${offset} bytes ${bytes}`);
  for (const kernel of schedule.kernels) lines.push(printKernel(kernel).trimEnd());
  schedule.tensors.forEach((tensor, index) => {
    const placement = allocated?.placements[index];
    lines.push(`tensor t${index} ${formatTensor(tensor, schedule.programs, placement)}`);
  });
  for (const program of schedule.programs) append(lines, formatProgram(program));
  return `${lines.join('\n')}\n`;
}

interface Parts {
  name: string | null;
  memory: Pick<
    AllocatedSchedule,
    | 'arenaBytes'
    | 'persistentBytes'
    | 'peakLiveBytes'
    | 'stagingBytes'
    | 'swapStaging'
    | 'reading'
    | 'writing'
    | 'packing'
  > | null;
  snapshots: HostSlot[];
  slabs: { bytes: number }[];
  slots: (ScheduleSlot | HostSlot)[];
  kernels: Schedule['kernels'][number][];
  tensors: (Omit<ScheduleTensor, 'program'> & { program: string | null })[];
  placements: Placement[];
  programs: {
    name: string;
    steps: ScheduleStep[];
    inputs: ScheduleProgram['inputs'][number][];
    outputs: ScheduleProgram['outputs'][number][];
    transfers?: ScheduleTransfer[];
  }[];
}

function parseSource(text: string | undefined): SourceSpan | null {
  if (text === undefined) return null;
  const source = parseChain(text);
  if (!source) throw new Error(`'${text}' is not a position of the form file(line,column)`);
  return source;
}

function parsePlace(scope: string | undefined, pass: string | undefined) {
  return {
    ...(scope === undefined ? {} : { scope: parseName(scope) }),
    ...(pass === undefined ? {} : { pass }),
  };
}

function lastProgram(parts: Parts) {
  const program = parts.programs.at(-1);
  if (!program) throw new Error('this line belongs into a program');
  return program;
}

const SOURCE = `(?: within (${NAME_PATTERN}))?(?: pass ([a-z+]+))?(?: @ (.+))?$`;
const COPY = '(?: (recompute|swap) of t(\\d+))?( host-resident)?';
const PLACE =
  '(?: in slab (\\d+|-) at (\\d+) steps (\\d+)\\.\\.(\\d+) (persistent|arena|in-place|host))?';
const ROLE = '(input|output|activation|parameter|state|optimiser)';

const SCHEDULE_LINES: readonly [RegExp, (parts: Parts, match: RegExpExecArray) => void][] = [
  [
    new RegExp(`^schedule (${NAME_PATTERN})$`),
    (parts, [, name]) => {
      parts.name = parseName(name);
    },
  ],
  [
    /^memory arena (\d+) persistent (\d+) peak (\d+) staging (\d+)((?: (?:swap|reading|writing) \d+x\d+)*) packing (\S+)$/,
    (parts, match) => {
      const [arenaBytes, persistentBytes, peakLiveBytes, stagingBytes] = match
        .slice(1, 5)
        .map(Number);
      const setOf = (word: string): BufferSet => {
        const [, buffers = 0, bytes = 0] =
          new RegExp(` ${word} (\\d+)x(\\d+)`).exec(match[5]) ?? [];
        return { buffers: Number(buffers), bytes: Number(bytes) };
      };
      const [swapStaging, reading, writing] = BUFFER_SETS.map(([word]) => setOf(word));
      parts.memory = {
        ...{ arenaBytes, persistentBytes, peakLiveBytes, stagingBytes },
        ...{ swapStaging, reading, writing, packing: match[6] },
      };
    },
  ],
  [
    /^snapshot (memory|file) t(\d+) copies ([12]) at (\d+) bytes (\d+)$/,
    (parts, [, tier, tensor, copies, offset, bytes]) => {
      parts.snapshots.push({
        tier: tier as HostTier,
        ...{ tensor: Number(tensor), copies: copies === '2' ? 2 : 1 },
        ...{ offset: Number(offset), bytes: Number(bytes) },
      });
    },
  ],
  [
    /^slot (memory|file)(?: home t(\d+))?(?: copies (2))?(?: at (\d+) bytes (\d+))?$/,
    (parts, [, tier, home, copies, offset, bytes]) => {
      parts.slots.push({
        tier: tier as HostTier,
        tensor: home === undefined ? null : Number(home),
        copies: copies === undefined ? 1 : 2,
        ...(offset === undefined ? {} : { offset: Number(offset), bytes: Number(bytes) }),
      });
    },
  ],
  [
    /^(?:out t(\d+) to h(\d+) after|in t(\d+) from h(\d+) before) (\d+)$/,
    (parts, [, sent, to, brought, from, step]) => {
      const program = lastProgram(parts);
      program.transfers ??= [];
      program.transfers.push({
        kind: sent === undefined ? 'in' : 'out',
        tensor: Number(sent ?? brought),
        slot: Number(to ?? from),
        step: Number(step),
      });
    },
  ],
  [
    /^slab (\d+)$/,
    (parts, [, bytes]) => {
      parts.slabs.push({ bytes: Number(bytes) });
    },
  ],
  [
    new RegExp(
      `^tensor t(\\d+) (${NAME_PATTERN}): (\\S+) ${ROLE}(?: of (${NAME_PATTERN}))?${COPY}${PLACE}${SOURCE}`,
    ),
    (
      parts,
      [
        ,
        index,
        name,
        typeText,
        role,
        program,
        by,
        of,
        hostResident,
        slab,
        offset,
        first,
        last,
        policy,
        scope,
        pass,
        source,
      ],
    ) => {
      const type = parseType(typeText);
      if (!type) throw new Error(`'${typeText}' is not a tensor type`);
      if (Number(index) !== parts.tensors.length)
        throw new Error(`expected tensor t${parts.tensors.length}, not t${index}`);
      parts.tensors.push({
        name: parseName(name),
        ...type,
        role: role as TensorRole,
        program: program === undefined ? null : parseName(program),
        source: parseSource(source),
        ...parsePlace(scope, pass),
        ...(by === undefined
          ? {}
          : { copyOf: { tensor: Number(of), by: by as 'recompute' | 'swap' } }),
        ...(hostResident === undefined ? {} : { hostResident: true as const }),
      });
      if (slab === undefined) return;
      parts.placements.push({
        slab: slab === '-' ? null : Number(slab),
        offset: Number(offset),
        firstStep: Number(first),
        lastStep: Number(last),
        policy: policy as Placement['policy'],
      });
    },
  ],
  [
    new RegExp(`^program (${NAME_PATTERN})$`),
    (parts, [, name]) => {
      parts.programs.push({ name: parseName(name), steps: [], inputs: [], outputs: [] });
    },
  ],
  [
    new RegExp(
      `^input (${NAME_PATTERN}) = t(\\d+)(?: default (\\S+?))?( counter)?(?: indices (\\[.*\\]))?$`,
    ),
    (parts, [, name, tensor, initial, counter, ranges]) => {
      lastProgram(parts).inputs.push({
        name: parseName(name),
        tensor: Number(tensor),
        default: initial === undefined ? null : parseNumber(initial),
        counter: counter !== undefined,
        ...(ranges === undefined ? {} : { ranges: JSON.parse(ranges) }),
      });
    },
  ],
  [
    new RegExp(`^output (${NAME_PATTERN}) = t(\\d+)$`),
    (parts, [, name, tensor]) => {
      lastProgram(parts).outputs.push({ name: parseName(name), tensor: Number(tensor) });
    },
  ],
  [
    new RegExp(
      `^step (\\d+): k(\\d+)\\(([^)]*)\\) ("(?:[^"\\\\]|\\\\.)*")( recomputed)?(?: macs (\\d+))?${SOURCE}`,
    ),
    (parts, [, index, kernel, operands, label, recomputed, macs, scope, pass, source]) => {
      const { steps } = lastProgram(parts);
      if (Number(index) !== steps.length)
        throw new Error(`expected step ${steps.length}, not ${index}`);
      const names = operands === '' ? [] : operands.split(', ');
      const ranges = names.map((name) => {
        const match = /^t(\d+)(?:\+(\d+))?$/.exec(name);
        if (!match) throw new Error(`'${name}' is not a tensor`);
        return { tensor: Number(match[1]), offset: Number(match[2] ?? 0) };
      });
      const offsets = ranges.map(({ offset }) => offset);
      steps.push({
        kernel: Number(kernel),
        operands: ranges.map(({ tensor }) => tensor),
        ...(offsets.some((offset) => offset > 0) ? { offsets } : {}),
        label: JSON.parse(label) as string,
        source: parseSource(source),
        ...parsePlace(scope, pass),
        ...(recomputed === undefined ? {} : { recomputed: true as const }),
        ...(macs === undefined ? {} : { macs: Number(macs) }),
      });
    },
  ],
];

function parseScheduleLine(parts: Parts, line: string, reader: LineReader): void {
  if (line.startsWith('kernel ')) {
    parts.kernels.push(parseKernelBody(line, reader));
    return;
  }
  for (const [pattern, add] of SCHEDULE_LINES) {
    const match = pattern.exec(line);
    if (match) {
      add(parts, match);
      return;
    }
  }
  throw new Error(`'${line}' is not a line of a schedule`);
}

/**
 * Inverse of {@link printSchedule}: an `AllocatedSchedule` when the text has a `memory` line, else a `Schedule`.
 * Throws an `Error` that names the line.
 */
export function parseSchedule(text: string): Schedule | AllocatedSchedule {
  const reader = new LineReader(text);
  const parts: Parts = {
    name: null,
    memory: null,
    slabs: [],
    slots: [],
    snapshots: [],
    kernels: [],
    tensors: [],
    placements: [],
    programs: [],
  };
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const current = line;
    reader.at(() => parseScheduleLine(parts, current, reader));
  }
  if (parts.name === null) throw new Error("the text has no 'schedule' line");
  const programIndex = new Map(parts.programs.map((program, index) => [program.name, index]));
  const tensors = parts.tensors.map((tensor): ScheduleTensor => {
    const program = tensor.program === null ? null : programIndex.get(tensor.program);
    if (program === undefined)
      throw new Error(`tensor '${tensor.name}' is of '${tensor.program}', which is no program`);
    return { ...tensor, program };
  });
  const schedule = { name: parts.name, tensors, kernels: parts.kernels, programs: parts.programs };
  const slots = parts.slots.map(({ tier, tensor, copies }) => ({ tier, tensor, copies }));
  const unplaced = slots.length > 0 ? { ...schedule, slots } : schedule;
  if (!parts.memory) return unplaced;
  if (parts.placements.length !== tensors.length)
    throw new Error('an allocated schedule places every tensor');
  return {
    ...unplaced,
    ...parts.memory,
    slabs: parts.slabs,
    placements: parts.placements,
    hostSlots: parts.slots.map((slot) => {
      if ('offset' in slot) return slot;
      throw new Error('an allocated schedule places every slot');
    }),
    snapshots: parts.snapshots,
  };
}
