import { DTYPES, isFloat, valueType } from '../../ir/dtypes.ts';
import { type Kernel, pointCount } from '../../ir/kernel.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { bindTensors } from './finalise.ts';
import { type FusionLimits, MAX_NODES } from './fuse.ts';
import type { LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { linkProducer, type ProducerLink } from './producer-link.ts';
import { stageProducer } from './producer-stage.ts';
import { bindingRanges } from './ranges.ts';
import {
  hasSequentialAxis,
  type JoinOutcome,
  KernelSequence,
  loadsOf,
  storesOf,
} from './sequence.ts';
import { tileSizes } from './tile-sizes.ts';

/** What a target says of kernels with a stage. */
export interface StageModel {
  /** Limit on the array of one tile, in bytes; 0 for no stages. */
  readonly arrayBytes: number;
  /** Whether the array takes its memory from a tensor. */
  readonly needsHolder: boolean;
  /** Whether reductions may be cut in two, to keep more of the device busy. */
  readonly splitsReductions: boolean;
  /** Time of one run of a kernel, in any unit: for choices between kernels. */
  time(kernel: Kernel): number;
}

export interface ProducerFusionOptions extends FusionLimits {
  readonly model: StageModel;
  readonly tensors: readonly ScheduleTensor[];
  readonly memory: LoopNestMemory;
  /** Adds a tensor that holds the array of a stage. */
  readonly addHolder: (elements: number, intermediate: number) => number;
  /** Hears of every pair of contractions that was looked at. */
  readonly report?: (intermediate: number, outcome: string) => void;
}

/**
 * Joins a contraction with a later one that alone reads its result: what one tile of the second needs of the first is
 * computed into a small array, which the second goes on with. The intermediate is never in memory, and one dispatch
 * less is needed. Pairs with the largest intermediates come first. A pair is joined where the target's model expects a gain.
 */
export function fuseProducers(
  nests: readonly LoopNest[],
  options: ProducerFusionOptions,
): LoopNest[] {
  if (options.model.arrayBytes === 0) return [...nests];
  const sequence = new KernelSequence(nests, options.memory);
  const times = new Map<unknown, number>();
  const timeOf = (nest: LoopNest) => {
    const { kernel } = bindTensors(nest, options.tensors);
    let time = times.get(kernel);
    if (time === undefined) {
      time = options.model.time({ name: '', ...kernel });
      times.set(kernel, time);
    }
    return time;
  };
  for (const { tensor, producer, consumer } of findProducers(sequence, options)) {
    const [first, second] = [sequence.slots[producer], sequence.slots[consumer]];
    // One that became part of another pair has a stage, or its place is empty.
    if (!first || !second || first.staging || second.staging) continue;
    const joined = joinProducer(first, second, tensor, options, timeOf);
    if ('reason' in joined) {
      options.report?.(tensor, `stays in memory: ${joined.reason}`);
      continue;
    }
    const outcome = sequence.join(producer, consumer, held(joined.nest, tensor, options));
    options.report?.(tensor, OUTCOMES[outcome](joined.share));
  }
  return sequence.nests;
}

const OUTCOMES: Readonly<Record<JoinOutcome, (share: number) => string>> = {
  joined: (share) => `is computed tile by tile, in ${share.toFixed(2)} of the time`,
  fixed: () => 'stays in memory: neither contraction can move to the other',
  peak: () => 'stays in memory: one kernel would raise the peak of live bytes',
};

/** Of the time of two kernels: models are not trusted with less of a gain. */
const MOST_OF_TIME = 0.97;

/** Positions of two contractions, of which the second alone reads the tensor that the first alone writes. */
interface ProducerPair {
  readonly tensor: number;
  readonly producer: number;
  readonly consumer: number;
  readonly elements: number;
}

/** The pairs of a program, those with the largest intermediates first. */
function findProducers(sequence: KernelSequence, options: ProducerFusionOptions): ProducerPair[] {
  const { slots } = sequence;
  const found: ProducerPair[] = [];
  slots.forEach((nest, producer) => {
    if (!nest || !isContraction(nest) || nest.stores.length !== 1) return;
    const [{ buffer: tensor, indirect }] = nest.stores;
    const [consumer, ...others] = sequence.readersOf(tensor);
    if (indirect || !options.isTemporary(tensor)) return;
    if (consumer === undefined || others.length > 0 || consumer <= producer) return;
    if (sequence.writersOf(tensor).size !== 1 || !isContraction(slots[consumer]!)) return;
    const elements = pointCount(nest, 'parallel');
    found.push({ tensor, producer, consumer, elements });
  });
  return found.sort((a, b) => b.elements - a.elements);
}

function isContraction(nest: LoopNest): boolean {
  const { nodes, reduction } = nest;
  if (reduction?.combiner !== 'sum' || hasSequentialAxis(nest) || nest.staging) return false;
  const value = nodes[reduction.value];
  return value.kind === 'apply' && value.op === 'mul' && isFloat(value.dtype);
}

/** The two as one kernel, whose array has no memory yet, or why they stay two. */
function joinProducer(
  first: LoopNest,
  second: LoopNest,
  tensor: number,
  options: ProducerFusionOptions,
  timeOf: (nest: LoopNest) => number,
): { readonly nest: LoopNest; readonly share: number } | { readonly reason: string } {
  if (first.nodes.length + second.nodes.length > MAX_NODES)
    return { reason: 'one kernel would have too many nodes' };
  const stored = storesOf(second);
  if ([...loadsOf(first)].some((one) => stored.has(one)))
    return { reason: 'its reader stores what it is made of' };
  const link = linkProducer(first, second, tensor);
  if ('reason' in link) return link;
  const { model } = options;
  const elementBytes = DTYPES[valueType(options.tensors[tensor].dtype)].bytes;
  const fitting = tileSizes(link, model.arrayBytes / elementBytes);
  if (fitting.length === 0)
    return { reason: `no tile of it has at most ${model.arrayBytes} bytes` };
  // Held by a tensor, the array of a single tile would take all that the intermediate takes.
  const candidates = model.needsHolder
    ? fitting.filter((sizes) => sizes.some((size, k) => size < link.shared[k].extent))
    : fitting;
  if (candidates.length === 0) return { reason: 'one tile has all of it' };
  const staged = best(link, candidates, timeOf);
  const apart = timeOf(first) + timeOf(second);
  const share = staged.time / apart;
  if (share > MOST_OF_TIME)
    return { reason: `one kernel would take ${share.toFixed(2)} of the time` };
  const bindings = bindingRanges(staged.nest).length + (model.needsHolder ? 1 : 0);
  if (bindings > options.maxBindings)
    return { reason: `one kernel would have ${bindings} bindings` };
  return { nest: staged.nest, share };
}

function best(
  link: ProducerLink,
  candidates: readonly (readonly number[])[],
  timeOf: (nest: LoopNest) => number,
): { readonly nest: LoopNest; readonly time: number } {
  const priced = candidates.map((sizes) => {
    const nest = stageProducer(link, sizes);
    return { nest, time: timeOf(nest) };
  });
  return priced.reduce((a, b) => (b.time < a.time ? b : a));
}

/** Gives the array of the stage its memory, where the target needs some. */
function held(
  nest: LoopNest,
  intermediate: number,
  { model, addHolder }: ProducerFusionOptions,
): LoopNest {
  const { staging } = nest;
  if (!staging || !model.needsHolder) return nest;
  const stages = staging.stages.map((stage) => ({
    ...stage,
    local: { ...stage.local, buffer: addHolder(stage.local.elements, intermediate) },
  }));
  return { ...nest, staging: { ...staging, stages } };
}
