import { printKernel } from './kernel-text.ts';
import { append } from './lists.ts';
import type { BufferSet, HostSlot } from './plan.ts';
import type {
  AllocatedSchedule,
  Placement,
  Schedule,
  ScheduleProgram,
  ScheduleSlot,
  ScheduleStep,
  ScheduleTensor,
  StepPart,
} from './schedule.ts';
import { formatChain } from './source.ts';
import { formatType } from './tensor.ts';
import { formatName, formatNumber } from './text.ts';

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
    const recomputed = step.recomputed ? ' recomputed' : '';
    lines.push(
      `  step ${index}: k${step.kernel}(${operands.join(', ')}) ${formatWork(step, recomputed)}`,
    );
    for (const part of step.parts ?? []) lines.push(`    of ${formatWork(part)}`);
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

/** `"contract+add" macs 64 within hidden @ model.ts(12,9)` */
function formatWork(step: StepPart, recomputed = ''): string {
  const macs = step.macs === undefined ? '' : ` macs ${step.macs}`;
  return `${JSON.stringify(step.label)}${recomputed}${macs}${formatSource(step)}`;
}

/** `t5`, or `t5+640` for the range of tensor 5 that starts at element 640. */
function formatRange(tensor: number, offset: number): string {
  return offset === 0 ? `t${tensor}` : `t${tensor}+${offset}`;
}

export const BUFFER_SETS = [
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
