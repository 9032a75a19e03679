import type { Store } from '../../ir/kernel.ts';
import { canonicalise } from './canonicalise.ts';
import type { StageModel } from './cluster-staging.ts';
import { labelOf } from './finalise.ts';
import type { FusionLimits } from './fuse.ts';
import { type KernelTimes, kernelTimes } from './kernel-times.ts';
import { isContraction, type LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { fusionLimits, type LoweredModule, memoryOf } from './lowered.ts';
import { neededNodes } from './node-facts.ts';
import { rescaleSumsOf } from './rescaled-sums.ts';
import { hasSequentialAxis, KernelSequence, storesOf } from './sequence.ts';
import { fullLoads, isReduction, joinSiblings } from './sibling-reductions.ts';
import { BOUNDS, type SplitBounds, splitReductionsOf } from './split-reductions.ts';

/** Of the time of two kernels: models are not trusted with less of a gain. */
const MOST_OF_TIME = 0.97;
/** Kernels looked at as partners for one kernel. */
const MOST_PARTNERS = 4;
/** Sums of so many terms to so few results keep no device busy, whatever reads them. */
const FEW_RESULTS = 128;
const MANY_TERMS = 512;

export interface JoinOptions {
  readonly maxStorageBuffers: number;
  readonly stages: StageModel;
}

/**
 * Takes reductions that go over the same points and terms in one pass of memory, where the target's model expects a gain. Before
 * other kernels join them, so that what these bind as well does not keep them apart.
 */
export function joinReductionsOf(lowered: LoweredModule, options: JoinOptions): LoweredModule {
  return joined(lowered, options, false);
}

/**
 * Takes a mean and the variance around it in one pass. On GPUs it then cuts reductions of many terms to a few results in parts, so
 * that what is computed tile by tile later is compared with what they take at best.
 */
export function joinVariancesOf(lowered: LoweredModule, options: JoinOptions): LoweredModule {
  const { maxStorageBuffers, stages } = options;
  const pairs = joined(lowered, options, true);
  if (!stages.splitsReductions) return pairs;
  const bounds: SplitBounds = {
    ...BOUNDS,
    ...{ maxBindings: maxStorageBuffers, mayCut: (nest) => !isProduct(nest) },
    ...{ fewTerms: MANY_TERMS, manyResults: FEW_RESULTS - 1 },
  };
  return splitReductionsOf(rescaleSumsOf(pairs, stages, bounds), { stages, ...bounds });
}

/** Whether a kernel sums up products of two factors, which tiles may serve. */
function isProduct(nest: LoopNest): boolean {
  if (!isContraction(nest)) return false;
  const value = nest.nodes[nest.reductions[0].value];
  return value.kind === 'apply' && value.operands[0] !== value.operands[1];
}

function joined(
  lowered: LoweredModule,
  { maxStorageBuffers, stages }: JoinOptions,
  shifts: boolean,
): LoweredModule {
  const { tensors } = lowered;
  const remarks = [...lowered.remarks];
  const limits = fusionLimits(lowered, maxStorageBuffers);
  const timeOf = kernelTimes(stages, tensors);
  const programs = lowered.programs.map((program) => ({
    ...program,
    nests: joinReductions(program.nests, {
      ...{ limits, timeOf, shifts },
      memory: memoryOf(lowered, program),
      report: (remark) => remarks.push(`${program.name}: ${remark}`),
    }),
  }));
  return { ...lowered, programs, remarks };
}

interface SequenceOptions {
  readonly limits: FusionLimits;
  readonly timeOf: KernelTimes;
  /** Whether sums of squares may go in one pass with the mean that they are around. */
  readonly shifts: boolean;
  readonly memory: LoopNestMemory;
  readonly report: (remark: string) => void;
}

/** The kernels that one was joined of, or that were found in it, in an order that is right when they run one after the other. */
const origins = new WeakMap<LoopNest, readonly LoopNest[]>();

/**
 * A kernel with several reductions as kernels with one each: those that it was joined of, or one for each reduction where no store
 * needs two of them; itself where there are none.
 */
export function separateReductions(nest: LoopNest): readonly LoopNest[] {
  const known = origins.get(nest);
  if (known) return known;
  if (nest.reductions.length <= 1 || nest.staging) return [nest];
  const apart = oneByOne(nest) ?? [nest];
  origins.set(nest, apart);
  return apart;
}

function oneByOne(nest: LoopNest): LoopNest[] | null {
  const stores = nest.reductions.map((): Store[] => []);
  for (const store of nest.stores) {
    const needed = neededNodes(nest, [store.value]);
    const used = new Set(
      nest.nodes.flatMap((node, k) =>
        needed[k] && node.kind === 'accumulator' ? [node.reduction] : [],
      ),
    );
    if (used.size !== 1) return null;
    stores[[...used][0]].push(store);
  }
  // Nodes and reductions that none of its stores needs go with the first look at a kernel.
  return stores.every((own) => own.length > 0)
    ? stores.map((own) => canonicalise({ ...nest, stores: own }, nest.axes.length))
    : null;
}

function joinReductions(nests: readonly LoopNest[], options: SequenceOptions): LoopNest[] {
  const sequence = new KernelSequence(nests, options.memory);
  for (let position = 0; position < sequence.slots.length; position++)
    while (joinEarlier(sequence, position, options));
  return sequence.nests;
}

/** Joins the kernel at a position with an earlier one, if there is one that gains by it and the result is there. */
function joinEarlier(
  sequence: KernelSequence,
  position: number,
  { limits, timeOf, shifts, report }: SequenceOptions,
): boolean {
  const second = sequence.slots[position];
  if (!second || !mayJoin(second)) return false;
  for (const partner of partners(sequence, second, position)) {
    const first = sequence.slots[partner]!;
    const { maxBindings } = limits;
    const joined = joinSiblings(first, second, { maxBindings, shifts });
    if (!joined || !isRepeatable(joined, limits)) continue;
    const share = timeOf(joined) / (timeOf(first) + timeOf(second));
    const names = `${labelOf(second.ops)} and ${labelOf(first.ops)}`;
    if (share > MOST_OF_TIME) {
      report(`${names} stay apart: in one pass they would take ${share.toFixed(2)} of the time`);
      continue;
    }
    const outcome = sequence.join(partner, position, joined);
    if (outcome !== 'joined') {
      if (outcome === 'peak') report(`${names} stay apart: in one pass they would raise the peak`);
      continue;
    }
    origins.set(joined, [...separateReductions(first), ...separateReductions(second)]);
    report(`${names} go in one pass, in ${share.toFixed(2)} of the time`);
    return sequence.slots[position] === joined;
  }
  return false;
}

const mayJoin = (nest: LoopNest) => isReduction(nest) && !hasSequentialAxis(nest);

/** Earlier reductions that read all that this one reads of a tensor, the nearest first. What all steps read, as a rate, is not that. */
function partners(sequence: KernelSequence, nest: LoopNest, position: number): number[] {
  const found = new Set<number>();
  for (const { buffer: tensor } of fullLoads(nest))
    for (const reader of sequence.readersOf(tensor)) {
      const other = sequence.slots[reader];
      if (reader < position && other && mayJoin(other)) found.add(reader);
    }
  return [...found].sort((a, b) => b - a).slice(0, MOST_PARTNERS);
}

/** What replaces a parameter or a state makes nothing else, so that every other kernel can be recomputed. */
function isRepeatable(nest: LoopNest, { isPersistent }: FusionLimits): boolean {
  const stored = [...storesOf(nest)];
  const replaced = stored.filter(isPersistent).length;
  return replaced === 0 || replaced === stored.length;
}
