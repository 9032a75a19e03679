import type { Affine, Kernel, Stage } from '../../ir/kernel.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { kernelBody } from '../../ir/kernel-text.ts';
import type { Schedule, ScheduleProgram, ScheduleStep } from '../../ir/schedule.ts';
import type { Handover } from '../../ir/schedule-flow.ts';
import { elementCount } from '../../ir/tensor.ts';
import type { Liveness } from '../liveness/lifetimes.ts';

/** A kernel's buffer that is read and one that is written, which may be the same memory. */
export interface BufferPair {
  readonly read: number;
  readonly written: number;
}

/** A kernel's body, in which `buffer` may also name something else than a buffer of a kernel. */
export type KernelBody = Pick<Kernel, 'axes' | 'nodes' | 'reduction' | 'stores' | 'stage'>;

/**
 * The pairs of buffers that a kernel could have in one place. A point may overwrite only the element that it
 * alone reads, after it has read it: one plain store to the written buffer; every load of the read buffer at
 * the very index of that store, without bounds, indirection or reduction, and none in a stage; no sequential axes.
 */
export function inPlacePairs(kernel: Kernel): BufferPair[] {
  const { buffers } = kernel;
  const having = (access: 'read' | 'write') =>
    buffers.flatMap((buffer, index) => (buffer.access === access ? [index] : []));
  return overwritable(kernel, having('read'), having('write')).filter(
    ({ read, written }) =>
      buffers[read].dtype === buffers[written].dtype &&
      buffers[read].elements === buffers[written].elements,
  );
}

/** As `inPlacePairs`, whatever the sizes: of what is only read and what is only written, by the body's names for them. */
export function overwritable(
  body: KernelBody,
  onlyRead: readonly number[],
  onlyWritten: readonly number[],
): BufferPair[] {
  if (body.axes.some((axis) => axis.kind === 'sequential')) return [];
  const staged = new Set(
    body.stage?.nodes.flatMap((node) => (node.kind === 'load' ? [node.buffer] : [])),
  );
  const under = nodesUnderReduction(body);
  // Axes of one point, which nests may have, make no difference.
  const sameAddress = (a: Affine, b: Affine) =>
    a.offset === b.offset &&
    body.axes.every(
      ({ extent }, axis) => extent === 1 || a.coefficients[axis] === b.coefficients[axis],
    );
  const isReadAt = (read: number, index: Affine) =>
    body.nodes.every(
      (node, i) =>
        node.kind !== 'load' ||
        node.buffer !== read ||
        (!under[i] && !node.indirect && node.bounds.length === 0 && sameAddress(node.index, index)),
    );
  return onlyWritten.flatMap((written) => {
    const stores = body.stores.filter((store) => store.buffer === written);
    if (stores.length !== 1 || stores[0].accumulate || stores[0].indirect) return [];
    return onlyRead.flatMap((read) =>
      !staged.has(read) && isReadAt(read, stores[0].index) ? [{ read, written }] : [],
    );
  });
}

/** Lets one binding serve both buffers of each pair: the written one becomes `read_write`, the read one goes away. */
export function mergeBuffers(kernel: Kernel, pairs: readonly BufferPair[]): Kernel {
  const target = new Map(pairs.map((pair) => [pair.read, pair.written]));
  const merged = new Set(pairs.map((pair) => pair.written));
  const kept = kernel.buffers.map((_, buffer) => buffer).filter((buffer) => !target.has(buffer));
  const renumber = new Map(kept.map((buffer, index) => [buffer, index]));
  const moved = (buffer: number) => renumber.get(target.get(buffer) ?? buffer) ?? buffer;
  const movedLoads = (nodes: Kernel['nodes']) =>
    nodes.map((node) => (node.kind === 'load' ? { ...node, buffer: moved(node.buffer) } : node));
  const movedStage = (stage: Stage): Stage => ({
    ...stage,
    nodes: movedLoads(stage.nodes),
    local: {
      ...stage.local,
      buffer: stage.local.buffer === null ? null : moved(stage.local.buffer),
    },
  });
  return {
    ...kernel,
    buffers: kept.map((buffer) =>
      merged.has(buffer)
        ? { ...kernel.buffers[buffer], access: 'read_write' as const }
        : kernel.buffers[buffer],
    ),
    nodes: movedLoads(kernel.nodes),
    stores: kernel.stores.map((store) => ({ ...store, buffer: moved(store.buffer) })),
    ...(kernel.stage ? { stage: movedStage(kernel.stage) } : {}),
  };
}

/** A schedule with merged kernels, and who took over whose memory. Handovers are in the order of their steps. */
export interface InPlaceSchedule {
  readonly schedule: Schedule;
  readonly handovers: readonly Handover[];
}

/** Kernels found by their body, so that equal specialisations are one kernel; names stay unique. */
class KernelPool {
  readonly kernels: Kernel[] = [];
  private readonly byBody = new Map<string, number>();
  private readonly names = new Set<string>();

  add(kernel: Kernel): number {
    const body = kernelBody(kernel);
    const known = this.byBody.get(body);
    if (known !== undefined) return known;
    let name = kernel.name;
    for (let copy = 2; this.names.has(name); copy++) name = `${kernel.name}_${copy}`;
    this.names.add(name);
    this.byBody.set(body, this.kernels.length);
    // A kernel that stays as it is stays the same object, so that what is known of it needs no second look.
    return this.kernels.push(name === kernel.name ? kernel : { ...kernel, name }) - 1;
  }
}

/**
 * Merges buffers wherever a tensor is written for the first time by the step that reads another one, of equal
 * size and dtype, for the last time. Never for parameters and state, nor for an operand that is an output.
 */
export function shareInPlace(schedule: Schedule, live: Liveness): InPlaceSchedule {
  const pool = new KernelPool();
  const handovers: Handover[] = [];
  const plain = new Map<number, number>();
  const pairsOf = new Map<number, BufferPair[]>();
  const specialised = new Map<string, number>();

  const takeOver = (step: ScheduleStep, index: number): BufferPair[] => {
    const pairs = pairsOf.get(step.kernel) ?? inPlacePairs(schedule.kernels[step.kernel]);
    pairsOf.set(step.kernel, pairs);
    const taken = new Set<number>();
    return pairs.filter(({ read, written }) => {
      const from = step.operands[read];
      const tensor = step.operands[written];
      if (taken.has(read) || taken.has(written)) return false;
      if (!sharable(schedule, step, { read, written })) return false;
      if (live.lastStep[from] !== index || live.firstStep[tensor] !== index) return false;
      if (isOutput[from] || transferred.has(`out ${from} ${index}`)) return false;
      if (transferred.has(`in ${tensor} ${index}`)) return false;
      taken.add(read).add(written);
      handovers.push({ tensor, from, step: index });
      return true;
    });
  };
  const rewrite = (step: ScheduleStep, index: number): ScheduleStep => {
    const pairs = takeOver(step, index);
    if (pairs.length === 0) {
      const kernel = plain.get(step.kernel) ?? pool.add(schedule.kernels[step.kernel]);
      plain.set(step.kernel, kernel);
      return { ...step, kernel };
    }
    const key = `${step.kernel}:${pairs.map((pair) => `${pair.read}>${pair.written}`).join()}`;
    const kernel =
      specialised.get(key) ?? pool.add(mergeBuffers(schedule.kernels[step.kernel], pairs));
    specialised.set(key, kernel);
    const dropped = new Set(pairs.map((pair) => pair.read));
    const kept = <T>(list: readonly T[]) => list.filter((_, buffer) => !dropped.has(buffer));
    return {
      ...step,
      kernel,
      operands: kept(step.operands),
      ...(step.offsets ? { offsets: kept(step.offsets) } : {}),
    };
  };

  const isOutput = outputFlags(schedule);
  // A value that is copied out behind the step must still be there; one that was copied in before it is no first write.
  let transferred = new Set<string>();
  const programs = schedule.programs.map((program): ScheduleProgram => {
    transferred = new Set(
      program.transfers?.map(({ kind, tensor, step }) => `${kind} ${tensor} ${step}`),
    );
    return { ...program, steps: program.steps.map(rewrite) };
  });
  return { schedule: { ...schedule, kernels: pool.kernels, programs }, handovers };
}

/** 1 for each tensor that a program gives back. */
export function outputFlags(schedule: Schedule): Uint8Array {
  const flags = new Uint8Array(schedule.tensors.length);
  for (const program of schedule.programs) {
    for (const output of program.outputs) flags[output.tensor] = 1;
  }
  return flags;
}

/** Whether the tensors of two buffers could be in one place at all: both in the arena and bound as a whole. */
export function sharable(
  schedule: Schedule,
  step: ScheduleStep,
  { read, written }: BufferPair,
): boolean {
  const { buffers } = schedule.kernels[step.kernel];
  return [read, written].every((buffer) => {
    const { program, shape } = schedule.tensors[step.operands[buffer]];
    return program !== null && elementCount(shape) === buffers[buffer].elements;
  });
}
