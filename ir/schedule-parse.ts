import { parseKernelBody } from './kernel-parse.ts';
import type { AllocatedSchedule, Schedule, ScheduleTensor } from './schedule.ts';
import { type Parts, SCHEDULE_LINES } from './schedule-lines.ts';
import { LineReader } from './text.ts';

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
