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
  StepPart,
} from './schedule.ts';
import { BUFFER_SETS } from './schedule-print.ts';
import { parseChain, type SourceSpan } from './source.ts';
import { parseStoredType } from './tensor.ts';
import { NAME_PATTERN, parseName, parseNumber } from './text.ts';

// One row per form of line of a schedule: the pattern, and what its captures add.

export interface Parts {
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

export const SCHEDULE_LINES: readonly [RegExp, (parts: Parts, match: RegExpExecArray) => void][] = [
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
      const type = parseStoredType(typeText);
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
  [
    new RegExp(`^of ("(?:[^"\\\\]|\\\\.)*")(?: macs (\\d+))?${SOURCE}`),
    (parts, [, label, macs, scope, pass, source]) => {
      const { steps } = lastProgram(parts);
      const step = steps.pop();
      if (!step) throw new Error('this line belongs behind a step');
      const part: StepPart = {
        label: JSON.parse(label) as string,
        source: parseSource(source),
        ...parsePlace(scope, pass),
        ...(macs === undefined ? {} : { macs: Number(macs) }),
      };
      steps.push({ ...step, parts: [...(step.parts ?? []), part] });
    },
  ],
];
