import { isLocal, type Kernel } from '../../ir/kernel.ts';
import { renameStages } from '../../ir/kernel-stage.ts';
import { kernelBody } from '../../ir/kernel-text.ts';
import type { Schedule, ScheduleProgram, ScheduleStep } from '../../ir/schedule.ts';
import type { Handover } from '../../ir/schedule-flow.ts';
import { type BufferPair, stepPairs } from '../liveness/alias-classes.ts';
import { takeHandovers } from '../liveness/handovers.ts';
import { type Liveness, liveness, outputFlags } from '../liveness/lifetimes.ts';

// Which buffers and tensors may share a place, and when one takes over that of another, compiler/liveness says. Here the
// kernels and the steps become what that means.

/** Lets one binding serve both buffers of each pair: the written one becomes `read_write`, the read one goes away. */
export function mergeBuffers(kernel: Kernel, pairs: readonly BufferPair[]): Kernel {
  const target = new Map(pairs.map((pair) => [pair.read, pair.written]));
  const merged = new Set(pairs.map((pair) => pair.written));
  const kept = kernel.buffers.map((_, buffer) => buffer).filter((buffer) => !target.has(buffer));
  const renumber = new Map(kept.map((buffer, index) => [buffer, index]));
  const moved = (buffer: number) => renumber.get(target.get(buffer) ?? buffer) ?? buffer;
  const movedLoads = (nodes: Kernel['nodes']) =>
    nodes.map((node) =>
      node.kind === 'load' && !isLocal(node.buffer)
        ? { ...node, buffer: moved(node.buffer) }
        : node,
    );
  return {
    ...kernel,
    buffers: kept.map((buffer) =>
      merged.has(buffer)
        ? { ...kernel.buffers[buffer], access: 'read_write' as const }
        : kernel.buffers[buffer],
    ),
    nodes: movedLoads(kernel.nodes),
    stores: kernel.stores.map((store) => ({ ...store, buffer: moved(store.buffer) })),
    ...(kernel.staging
      ? {
          staging: renameStages(kernel.staging, { loads: moved, stores: moved, holders: moved }),
        }
      : {}),
    ...(kernel.scratch === undefined ? {} : { scratch: moved(kernel.scratch) }),
  };
}

/** A schedule with merged kernels, and who took over whose memory. Handovers are in the order of their steps. */
export interface InPlaceSchedule {
  /** Of the tensors, handovers aside. */
  readonly live: Liveness;
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
export function shareInPlace(
  schedule: Schedule,
  live: Liveness = liveness(schedule),
): InPlaceSchedule {
  const pool = new KernelPool();
  const handovers: Handover[] = [];
  const plain = new Map<number, number>();
  const specialised = new Map<string, number>();

  const isOutput = outputFlags(schedule);
  // A value that is copied out behind the step must still be there; one that was copied in before it is no first write.
  let transferred = new Set<string>();
  const takeOver = (step: ScheduleStep, index: number): BufferPair[] => {
    const pairs: BufferPair[] = [];
    takeHandovers(
      stepPairs(schedule, step, (tensor) => isOutput[tensor] === 1),
      (from) => live.lastStep[from] === index && !transferred.has(`out ${from} ${index}`),
      (to) => live.firstStep[to] === index && !transferred.has(`in ${to} ${index}`),
      ({ read, written, from, to }) => {
        pairs.push({ read, written });
        handovers.push({ tensor: to, from, step: index });
      },
    );
    return pairs;
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

  const programs = schedule.programs.map((program): ScheduleProgram => {
    transferred = new Set(
      program.transfers?.map(({ kind, tensor, step }) => `${kind} ${tensor} ${step}`),
    );
    return { ...program, steps: program.steps.map(rewrite) };
  });
  return { schedule: { ...schedule, kernels: pool.kernels, programs }, handovers, live };
}
