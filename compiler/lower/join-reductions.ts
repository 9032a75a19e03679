import type { ScheduleTensor } from '../../ir/schedule.ts';
import type { StageModel } from './cluster-staging.ts';
import { bindTensors, labelOf } from './finalise.ts';
import type { FusionLimits } from './fuse.ts';
import { isContraction, type LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { fusionLimits, type LoweredModule, memoryOf } from './lowered.ts';
import { hasSequentialAxis, KernelSequence, loadsOf, storesOf } from './sequence.ts';
import { isReduction, joinSiblings } from './sibling-reductions.ts';
import { splitReductionsOf } from './split-reductions.ts';

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
 * Reductions that go over the same points and terms, in one pass of memory where the target's model expects a gain; then those of
 * many terms to a few results in parts, so that what is computed tile by tile later is compared with what they take at best.
 */
export function joinReductionsOf(
  lowered: LoweredModule,
  { maxStorageBuffers, stages }: JoinOptions,
): LoweredModule {
  const { tensors } = lowered;
  const remarks = [...lowered.remarks];
  const limits = fusionLimits(lowered, maxStorageBuffers);
  const timeOf = timesOf(stages, tensors);
  const programs = lowered.programs.map((program) => ({
    ...program,
    nests: joinReductions(program.nests, {
      ...{ limits, timeOf, shifts: stages.splitsReductions },
      memory: memoryOf(lowered, program),
      report: (remark) => remarks.push(`${program.name}: ${remark}`),
    }),
  }));
  const joined = { ...lowered, programs, remarks };
  if (!stages.splitsReductions) return joined;
  return splitReductionsOf(joined, {
    ...{ stages, maxBindings: maxStorageBuffers, mayCut: (nest) => !isContraction(nest) },
    ...{ fewTerms: MANY_TERMS, manyResults: FEW_RESULTS - 1 },
  });
}

function timesOf({ time }: StageModel, tensors: readonly ScheduleTensor[]) {
  const known = new Map<unknown, number>();
  return (nest: LoopNest) => {
    const { kernel } = bindTensors(nest, tensors);
    let found = known.get(kernel);
    if (found === undefined) {
      found = time({ name: '', ...kernel });
      known.set(kernel, found);
    }
    return found;
  };
}

interface SequenceOptions {
  readonly limits: FusionLimits;
  readonly timeOf: (nest: LoopNest) => number;
  /** Whether sums of squares may go in one pass with the mean that they are around. */
  readonly shifts: boolean;
  readonly memory: LoopNestMemory;
  readonly report: (remark: string) => void;
}

/** The kernels that one was joined of, in an order that is right when they run one after the other. */
const origins = new WeakMap<LoopNest, readonly LoopNest[]>();

/** The kernels that a kernel with several reductions was joined of; itself where it was not. */
export const separateReductions = (nest: LoopNest): readonly LoopNest[] =>
  origins.get(nest) ?? [nest];

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
      if (outcome === 'peak')
        report(`${names} stay apart: in one pass they would raise the peak`);
      continue;
    }
    origins.set(joined, [...separateReductions(first), ...separateReductions(second)]);
    report(`${names} go in one pass, in ${share.toFixed(2)} of the time`);
    return sequence.slots[position] === joined;
  }
  return false;
}

const mayJoin = (nest: LoopNest) => isReduction(nest) && !hasSequentialAxis(nest);

/** Earlier reductions that read what this one reads, the nearest first. */
function partners(sequence: KernelSequence, nest: LoopNest, position: number): number[] {
  const found = new Set<number>();
  for (const tensor of loadsOf(nest))
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
