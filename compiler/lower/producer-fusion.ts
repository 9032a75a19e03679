import { type LocalArray, pointCount } from '../../ir/kernel.ts';
import { bufferStores } from '../../ir/kernel-stage.ts';
import type { ScheduleTensor } from '../../ir/schedule.ts';
import { type Cluster, type Producer, storesWhatTheyLoad } from './cluster.ts';
import { ClusterStaging, type StageModel } from './cluster-staging.ts';
import { joinedNest, MAX_NODES } from './fuse.ts';
import { separateReductions } from './join-reductions.ts';
import { isContraction, isMatrixProduct, type LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { bindingRanges } from './ranges.ts';
import {
  hasSequentialAxis,
  type JoinOutcome,
  KernelSequence,
  loadsOf,
  storesOf,
} from './sequence.ts';
import { computeInTiles, type TileOptions } from './wide-intermediates.ts';

export interface ProducerFusionOptions extends TileOptions {
  readonly model: StageModel;
  readonly tensors: readonly ScheduleTensor[];
  readonly memory: LoopNestMemory;
  /** Adds a tensor that holds the array of a stage. */
  readonly addHolder: (local: LocalArray, intermediate: number) => number;
  /** Hears of every pair of kernels that was looked at. */
  readonly report?: (intermediate: number, outcome: string) => void;
}

/**
 * Joins a reduction with a later kernel that reads its result: what one tile of the second needs of the first is computed
 * into a small array, which the second goes on with, and one dispatch less is needed. Where nobody else reads the result, it
 * is never in memory. So a product becomes one with what is done with its parts, as in a recurrent cell, and sums of rows one
 * with what needs them, as in softmax or a norm. The largest intermediates come first. Kernels are joined where the target's
 * model expects a gain. Before, intermediates that are far larger than what they are made of are looked at (`computeInTiles`).
 */
export function fuseProducers(
  nests: readonly LoopNest[],
  options: ProducerFusionOptions,
): LoopNest[] {
  const { model } = options;
  if (model.arrayBytes === 0) return [...nests];
  const staging = new ClusterStaging(options);
  const all = model.hasWorkgroups ? computeInTiles(nests, staging, options) : nests;
  const sequence = new KernelSequence(all, options.memory);
  /** What joined kernels are made of. */
  const clusters = new Map<LoopNest, Cluster>();
  // What is joined later may be what makes an earlier pair worth it, or keep the peak.
  for (let rounds = 0, joined = true; joined && rounds < MOST_ROUNDS; rounds++) {
    joined = false;
    for (const tensor of intermediates(sequence, clusters, options))
      if (joinReader(sequence, tensor, clusters, staging, options)) joined = true;
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
/**
 * The same where one invocation computes a tile alone, as it did apart: a dispatch and the wait for its end are saved, which models do
 * not know. Cells of an LSTM and a GRU that were expected to take 1.02 and 1.06 took 0.94 and 0.9, layer norm for 1.12 took 0.95.
 */
const MOST_ALONE = 1.15;
/** Times that all intermediates are looked at. */
const MOST_ROUNDS = 3;
/** Readers of a result that are looked at, the first ones. */
const MOST_READERS = 3;

/** Tensors that one reduction alone makes, the largest first. */
function intermediates(
  sequence: KernelSequence,
  clusters: ReadonlyMap<LoopNest, Cluster>,
  options: ProducerFusionOptions,
): number[] {
  const found: { tensor: number; elements: number }[] = [];
  for (const slot of sequence.slots) {
    const nest = slot && (clusters.get(slot)?.consumer ?? slot);
    if (!nest || !isProducer(nest, options)) continue;
    for (const { buffer: tensor } of nest.stores)
      found.push({ tensor, elements: pointCount(nest, 'parallel') });
  }
  return found.sort((a, b) => b.elements - a.elements).map(({ tensor }) => tensor);
}

/** Whether a kernel can be a stage: it makes nothing that outlives the program, and each tensor at once. */
function isProducer(
  nest: LoopNest,
  { model, isTemporary }: Pick<ProducerFusionOptions, 'model' | 'isTemporary'>,
): boolean {
  if (nest.staging || hasSequentialAxis(nest)) return false;
  // A loop over memory of its own costs a thread little, and all of a workgroup its barriers.
  if (nest.reductions.length === 0 && (!model.clusters || model.hasWorkgroups)) return false;
  if (!model.clusters && !(isContraction(nest) && nest.stores.length === 1)) return false;
  if (nest.reductions.length > 1 && separateReductions(nest).length === 1) return false;
  const stored = nest.stores.map(({ buffer }) => buffer);
  return (
    new Set(stored).size === stored.length &&
    nest.stores.every(({ buffer, indirect }) => !indirect && isTemporary(buffer))
  );
}

/** Joins the maker of a tensor with one of its readers, the first that gains by it; says whether there was one. */
function joinReader(
  sequence: KernelSequence,
  tensor: number,
  clusters: Map<LoopNest, Cluster>,
  staging: ClusterStaging,
  options: ProducerFusionOptions,
): boolean {
  const { model } = options;
  const [from, ...moreWriters] = sequence.writersOf(tensor);
  if (from === undefined || moreWriters.length > 0) return false;
  const first = sequence.slots[from]!;
  // A stage of a kernel that was joined before may have made it.
  const { stores } = clusters.get(first)?.consumer ?? first;
  if (!stores.some(({ buffer }) => buffer === tensor)) return false;
  const readers = [...sequence.readersOf(tensor)].filter((position) => position > from);
  const isAlone = !model.clusters || (!model.hasWorkgroups && isMatrixProduct(first));
  if (isAlone && readers.length > 1) return false;
  for (const to of readers.sort((a, b) => a - b).slice(0, MOST_READERS)) {
    if (joinPair(sequence, [from, to], tensor, clusters, staging, options)) return true;
    const both = withFollower(sequence, to, options);
    if (both === null) continue;
    if (joinPair(sequence, [from, both], tensor, clusters, staging, options)) return true;
    sequence.undo();
  }
  return false;
}

/** Joins the maker of a tensor with one reader; says whether that was done. */
function joinPair(
  sequence: KernelSequence,
  [from, to]: readonly [number, number],
  tensor: number,
  clusters: Map<LoopNest, Cluster>,
  staging: ClusterStaging,
  options: ProducerFusionOptions,
): boolean {
  const { report } = options;
  const [first, second] = [sequence.slots[from]!, sequence.slots[to]!];
  if (!isConsumer(first, second, tensor, clusters, options)) return false;
  const cluster = clusterOf(sequence, [from, to], tensor, clusters);
  if (!cluster) return false;
  const joined = joinCluster(cluster, [first, second], staging, options);
  if ('reason' in joined) {
    report?.(tensor, `stays in memory: ${joined.reason}`);
    return false;
  }
  const nest = held(joined.nest(), tensor, options);
  const outcome = sequence.join(from, to, nest);
  report?.(tensor, OUTCOMES[outcome](joined.share));
  if (outcome !== 'joined') return false;
  clusters.set(nest, cluster);
  return true;
}

/**
 * Joins a kernel of points with the only one that reads its result, point by point too, where their bindings alone have kept them
 * apart: what stages compute of them is in no binding. Gives the place of both, or null.
 */
function withFollower(
  sequence: KernelSequence,
  position: number,
  { maxBindings, isTemporary }: ProducerFusionOptions,
): number | null {
  const nest = sequence.slots[position]!;
  const ofPoints = (one: LoopNest) =>
    one.reductions.length === 0 && !one.staging && !hasSequentialAxis(one);
  if (!ofPoints(nest) || nest.stores.length !== 1) return null;
  const [{ buffer }] = nest.stores;
  const [reader, ...others] = sequence.readersOf(buffer);
  if (reader === undefined || others.length > 0 || !isTemporary(buffer)) return null;
  const follower = sequence.slots[reader]!;
  if (reader <= position || !ofPoints(follower)) return null;
  const both = joinedNest(nest, follower, Number.POSITIVE_INFINITY, (one) => one === buffer);
  if (!both || bindingRanges(both).length <= maxBindings) return null;
  if (sequence.join(position, reader, both) !== 'joined') return null;
  return sequence.slots[reader] === both ? reader : position;
}

/** Whether a kernel may become one with the maker of what it reads. */
function isConsumer(
  first: LoopNest,
  second: LoopNest,
  tensor: number,
  clusters: ReadonlyMap<LoopNest, Cluster>,
  { model, isPersistent }: ProducerFusionOptions,
): boolean {
  const ofOwn = (nest: LoopNest) => !nest.staging || clusters.has(nest);
  if (!ofOwn(first) || !ofOwn(second) || hasSequentialAxis(second)) return false;
  if (!model.hasWorkgroups) {
    const isPair = isContraction(first) && isContraction(second) && first.stores.length === 1;
    if (isPair) return true;
    const all = [first, second].flatMap((nest) => membersOf(clusters.get(nest) ?? whole(nest)));
    if (!model.clusters || all.some(isMatrixProduct)) return false;
  }
  // What replaces a parameter or a state makes nothing else.
  if (first.stores.length > 1 && [...storesOf(second)].some(isPersistent)) return false;
  const made = bufferStores(first).map(({ buffer }) => buffer);
  const others = new Set(made.filter((buffer) => buffer !== tensor));
  const { producers, consumer } = clusters.get(first) ?? whole(first);
  const makers = makersOf(consumer, tensor, clusters.get(second) ?? whole(second)) ?? [];
  for (const producer of [...producers, ...makers]) others.delete(producer.tensor);
  return ![...loadsOf(second), ...storesOf(second)].some((buffer) => others.has(buffer));
}

const membersOf = ({ producers, consumer }: Cluster) => [
  ...producers.map(({ nest }) => nest),
  consumer,
];

/** A kernel that is not joined with others. */
const whole = (nest: LoopNest): Cluster => ({ producers: [], consumer: nest });

/** What two kernels, each maybe a cluster, are made of together; reductions that were joined are stages of their own. */
function clusterOf(
  sequence: KernelSequence,
  positions: readonly [number, number],
  tensor: number,
  clusters: ReadonlyMap<LoopNest, Cluster>,
): Cluster | null {
  const [first, second] = positions.map((position) => {
    const nest = sequence.slots[position]!;
    return clusters.get(nest) ?? whole(nest);
  });
  const isKept = (one: number) =>
    [...sequence.readersOf(one)].some((position) => !positions.includes(position));
  const makers = makersOf(first.consumer, tensor, second);
  if (!makers) return null;
  const all = [...first.producers, ...makers, ...second.producers];
  return {
    producers: all.map((producer) => ({ ...producer, isKept: isKept(producer.tensor) })),
    consumer: second.consumer,
  };
}

/**
 * The reductions that make a tensor, and those that were joined with them, as producers for a reader: of each, one result is read by
 * the reader or a later one. Null where they are not like that.
 */
function makersOf(nest: LoopNest, tensor: number, reader: Cluster): Producer[] | null {
  const apart = separateReductions(nest);
  if (apart.length === 1) return [{ nest, tensor, isKept: false }];
  const makers = apart.map((one, k): Producer | null => {
    const later = [...apart.slice(k + 1), ...reader.producers.map((other) => other.nest)];
    const read = new Set([...later, reader.consumer].flatMap((other) => [...loadsOf(other)]));
    const results = [...storesOf(one)].filter((stored) => read.has(stored));
    return results.length === 1 ? { nest: one, tensor: results[0], isKept: false } : null;
  });
  const found = makers.filter((maker) => maker !== null);
  return found.length === makers.length ? found : null;
}

/** The cluster as one kernel, whose arrays have no memory yet, or why its kernels stay apart. */
function joinCluster(
  cluster: Cluster,
  apart: readonly LoopNest[],
  staging: ClusterStaging,
  options: ProducerFusionOptions,
): { readonly nest: () => LoopNest; readonly share: number } | { readonly reason: string } {
  const { producers, consumer } = cluster;
  const all = [...producers.map(({ nest }) => nest), consumer];
  if (all.reduce((sum, { nodes }) => sum + nodes.length, 0) > MAX_NODES)
    return { reason: 'one kernel would have too many nodes' };
  if (storesWhatTheyLoad(cluster)) return { reason: 'its reader stores what it is made of' };
  if (producers.some(({ isKept }) => isKept) && [...storesOf(consumer)].some(options.isPersistent))
    return { reason: 'its reader replaces a parameter or a state' };
  const staged = staging.stage(cluster, false);
  if ('reason' in staged) return staged;
  const share = staged.time / apart.reduce((sum, nest) => sum + staging.timeOf(nest), 0);
  const isAlone = () => staging.isAlone(staged.nest());
  if (share > MOST_OF_TIME && !(share <= MOST_ALONE && isAlone()))
    return { reason: `one kernel would take ${share.toFixed(2)} of the time` };
  return { nest: staged.nest, share };
}

/** Gives the arrays of the stages their memory, where the target needs some. */
function held(
  nest: LoopNest,
  intermediate: number,
  { model, addHolder }: ProducerFusionOptions,
): LoopNest {
  const { staging } = nest;
  if (!staging || !model.needsHolder) return nest;
  const stages = staging.stages.map((stage) => ({
    ...stage,
    local: { ...stage.local, buffer: addHolder(stage.local, intermediate) },
  }));
  return { ...nest, staging: { ...staging, stages } };
}
