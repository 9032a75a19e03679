import type { Schedule } from '../../ir/schedule.ts';
import { type ProgramAccess, programAccess } from '../liveness/access.ts';
import { type TensorPair, takeHandovers } from '../liveness/handovers.ts';
import {
  type MemoryModel,
  memoryModel,
  peakOfOrder,
  reverseModel,
} from '../liveness/program-model.ts';
import { reverseGraph, type StepGraph, stepDependencies } from './dependencies.ts';
import { ReadySteps } from './ready-steps.ts';

// Which order of the steps has the lowest peak is NP-hard. List scheduling by the key of PyTorch Inductor's LPMF
// (torch/_inductor/memory.py): among the ready steps the least (max(live + allocated, peak so far), allocated - freed,
// index). Three things are added. The same from the last step backwards, which sees what a step will keep alive
// instead of what it frees. A peak that is allowed from the start: while there is room below it, steps that free
// most go first. And the traced order always stands as a candidate, for greedy can be worse than it.

/** How many allowed peaks are tried between the best peak found and the lower bound, in each direction. */
const ALLOWED_PEAKS = 6;
/** Each allowed peak costs a pass over the program; long programs get fewer, and the longest none. */
const STEPS_PER_SEARCH = 12_000;

/**
 * State of the tensors while steps are scheduled one after the other. The sum of live bytes is its own, not that of
 * `LiveEvents`: before a step is chosen there is no order in which a tensor's last step is known, only which tensors one
 * step is left for. What a step touches and which handover it takes are those of compiler/liveness.
 */
class Simulation {
  readonly model: MemoryModel;
  live: number;
  /** So much more the step takes that was asked for last while it runs, and when it is done. */
  transient = 0;
  change = 0;
  private readonly open: Uint8Array;
  private readonly remaining: Int32Array;
  /** XOR of the steps that are still to touch each tensor: the last one itself when one remains. */
  private readonly pending: Int32Array;

  constructor(model: MemoryModel) {
    this.model = model;
    this.open = model.openAtStart.slice();
    this.remaining = new Int32Array(model.bytes.length);
    this.pending = new Int32Array(model.bytes.length);
    this.live = 0;
    model.bytes.forEach((bytes, tensor) => {
      if (this.open[tensor]) this.live += bytes;
    });
    for (let step = 0; step < model.stepCount; step++) {
      for (let use = model.useOffsets[step]; use < model.useOffsets[step + 1]; use++) {
        this.remaining[model.uses[use]]++;
        this.pending[model.uses[use]] ^= step;
      }
    }
  }

  private readonly closes = (tensor: number): boolean =>
    this.remaining[tensor] === 1 && !this.model.neverCloses[tensor];

  private readonly opens = (tensor: number): boolean => !this.open[tensor];

  private shared = 0;

  private readonly share = ({ to }: TensorPair): void => {
    this.shared = this.model.bytes[to];
  };

  /** Sets `transient` and `change` to those of `step` from here. */
  cost(step: number): void {
    const { useOffsets, uses, bytes, pairs } = this.model;
    let allocated = 0;
    let freed = 0;
    for (let use = useOffsets[step]; use < useOffsets[step + 1]; use++) {
      const tensor = uses[use];
      if (!this.open[tensor]) allocated += bytes[tensor];
      if (this.closes(tensor)) freed += bytes[tensor];
    }
    // One pair is enough for an estimate; `peakOfOrder` counts them all.
    this.shared = 0;
    if (pairs[step].length > 0) takeHandovers(pairs[step], this.closes, this.opens, this.share, 1);
    this.transient = allocated - this.shared;
    this.change = allocated - freed;
  }

  /** Runs `step`; calls `changed` with every other step whose cost is no longer what it was. */
  run(step: number, changed: (step: number) => void): void {
    const { useOffsets, uses, bytes, userOffsets, users } = this.model;
    for (let use = useOffsets[step]; use < useOffsets[step + 1]; use++) {
      const tensor = uses[use];
      const opened = !this.open[tensor];
      if (opened) {
        this.open[tensor] = 1;
        this.live += bytes[tensor];
      }
      if (this.closes(tensor)) this.live -= bytes[tensor];
      this.remaining[tensor]--;
      this.pending[tensor] ^= step;
      if (opened) {
        for (let user = userOffsets[tensor]; user < userOffsets[tensor + 1]; user++)
          changed(users[user]);
      } else if (this.closes(tensor)) changed(this.pending[tensor]);
    }
  }
}

/**
 * One pass of list scheduling, allowed to go up to `allowedPeak` from the start. Null as soon as its peak is sure to be `below` or
 * more: after a step is live whatever handovers it took.
 */
export function listSchedule(
  model: MemoryModel,
  successors: StepGraph,
  allowedPeak: number,
  latestFirst: boolean,
  below = Number.POSITIVE_INFINITY,
): Int32Array<ArrayBuffer> | null {
  const { stepCount } = model;
  const simulation = new Simulation(model);
  const waitingFor = new Int32Array(stepCount);
  for (const step of successors.targets) waitingFor[step]++;
  const ready = new ReadySteps(stepCount);
  let arrival = 0;
  const order = new Int32Array(stepCount);
  const arrive = (step: number) => {
    simulation.cost(step);
    ready.add(step, simulation.transient, simulation.change, latestFirst ? -arrival++ : step);
  };
  const update = (step: number) => {
    if (!ready.has(step)) return;
    simulation.cost(step);
    ready.update(step, simulation.transient, simulation.change);
  };
  for (let step = 0; step < stepCount; step++) if (waitingFor[step] === 0) arrive(step);
  // Inputs that no step reads never close in the simulation, and are live at the first step alone.
  const untouched = model.bytes.reduce(
    (sum, bytes, tensor) =>
      model.userOffsets[tensor] === model.userOffsets[tensor + 1] ? sum + bytes : sum,
    0,
  );
  let peak = Math.max(allowedPeak, simulation.live);
  for (let position = 0; position < stepCount; position++) {
    const { step, transient } = ready.take(peak - simulation.live);
    peak = Math.max(peak, simulation.live + transient);
    order[position] = step;
    simulation.run(step, update);
    if (simulation.live - untouched >= below) return null;
    for (let edge = successors.offsets[step]; edge < successors.offsets[step + 1]; edge++) {
      if (--waitingFor[successors.targets[edge]] === 0) arrive(successors.targets[edge]);
    }
  }
  return order;
}

/** No order can do with less: the inputs at step 0, the outputs at the end, or what one step touches. */
function lowerBound(model: MemoryModel): number {
  const { useOffsets, uses, bytes, pairs, openAtStart, neverCloses } = model;
  const sumOf = (flags: Uint8Array) =>
    bytes.reduce((sum, size, tensor) => (flags[tensor] ? sum + size : sum), 0);
  let bound = Math.max(sumOf(openAtStart), sumOf(neverCloses));
  for (let step = 0; step < model.stepCount; step++) {
    let touched = 0;
    for (let use = useOffsets[step]; use < useOffsets[step + 1]; use++) touched += bytes[uses[use]];
    const shared = new Set(pairs[step].map(({ to }) => to));
    for (const tensor of shared) touched -= bytes[tensor];
    bound = Math.max(bound, touched);
  }
  return bound;
}

/** The best order found and its peak; the traced order where nothing is lower. */
export function orderProgram(use: ProgramAccess): {
  readonly order: Int32Array;
  readonly peakBytes: number;
} {
  const model = memoryModel(use);
  const { stepCount } = model;
  let order = Int32Array.from({ length: stepCount }, (_, step) => step);
  let peakBytes = peakOfOrder(model, order);
  const bound = lowerBound(model);
  if (stepCount < 3 || peakBytes <= bound) return { order, peakBytes };

  const forward = stepDependencies(use.steps);
  const backward = reverseGraph(forward);
  const reversed = reverseModel(model);
  const consider = (candidate: Int32Array<ArrayBuffer> | null) => {
    if (!candidate) return;
    const peak = peakOfOrder(model, candidate);
    if (peak >= peakBytes) return;
    order = candidate;
    peakBytes = peak;
  };
  const tryBoth = (allowed: number) => {
    for (const latestFirst of [false, true]) {
      if (peakBytes <= bound) return;
      consider(listSchedule(model, forward, allowed, latestFirst, peakBytes));
      consider(
        listSchedule(reversed, backward, allowed, latestFirst, peakBytes)?.reverse() ?? null,
      );
    }
  };
  tryBoth(0);
  const searches = Math.min(ALLOWED_PEAKS, Math.floor(STEPS_PER_SEARCH / stepCount));
  for (let search = 1; search <= searches && peakBytes > bound; search++) {
    tryBoth(bound + ((peakBytes - bound) * search) / (searches + 1));
  }
  return { order, peakBytes };
}

/**
 * The schedule with the steps of each program in an order with a low peak of live bytes, in-place sharing included;
 * never a higher one than the order given. Near-linear in the number of operands; deterministic.
 */
export function orderSteps(schedule: Schedule, alignment: number): Schedule {
  return {
    ...schedule,
    programs: schedule.programs.map((program) => {
      const { order } = orderProgram(programAccess(schedule, program, alignment));
      return { ...program, steps: Array.from(order, (step) => program.steps[step]) };
    }),
  };
}
