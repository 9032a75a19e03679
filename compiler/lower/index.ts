import type { Module } from '../../ir/graph.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { expandFolds } from '../window/folds.ts';
import type { StageModel } from './cluster-staging.ts';
import { finaliseNests } from './finalise-nests.ts';
import { fuseNests } from './fuse-nests.ts';
import { givesHalves } from './half-values.ts';
import { joinReductionsOf, joinVariancesOf } from './join-reductions.ts';
import { keepTermsOf } from './kept-terms.ts';
import { type LoweredModule, lowerToNests } from './lowered.ts';
import type { StepOrdering } from './ordered-fusion.ts';
import { fuseProducersOf } from './producers.ts';
import { type ScatterModel, scatterModel } from './scatter.ts';
import { reserveScratch } from './scratch.ts';
import { SMALL_PARTS, splitReductionsOf } from './split-reductions.ts';
import { decideStorage } from './storage.ts';
import type { TileMode } from './wide-intermediates.ts';

export {
  decideStorage,
  finaliseNests,
  fuseNests,
  fuseProducersOf,
  givesHalves,
  joinReductionsOf,
  joinVariancesOf,
  keepTermsOf,
  type LoweredModule,
  lowerToNests,
  reserveScratch,
  type ScatterModel,
  SMALL_PARTS,
  type StageModel,
  type StepOrdering,
  scatterModel,
  splitReductionsOf,
};

export interface LoweringOptions {
  readonly maxStorageBuffers: number;
  /** Tensors take a multiple of this many bytes; 1 by default. */
  readonly offsetAlignment?: number;
  /** Fuses kernels, in the order that this chooses. Null leaves one kernel per stored value: for tests and for seeing what fusion does. */
  readonly fusion: StepOrdering | null;
  /** Kernels with a stage, where the target has them. */
  readonly stages?: StageModel;
  /** How to choose between forms of scatters; absent: by the times of `stages`. */
  readonly scatters?: ScatterModel;
  /** When wide intermediates are computed tile by tile; by default `auto`. */
  readonly tiles?: TileMode;
  /** Hears what passes have decided that the schedule does not show. */
  readonly explain?: (remark: string) => void;
}

/**
 * Lowers every program of a module whose contractions have at most two operands each: the passes `lower` to `finalise` in one
 * go. Tensors that fusion left without a step stay in the table; memory planning drops them.
 */
export function lowerModule(module: Module, options: LoweringOptions): Schedule {
  const { maxStorageBuffers, offsetAlignment, fusion, stages, tiles, explain } = options;
  const programs = module.programs.map(expandFolds);
  const scatters = options.scatters ?? (stages && scatterModel(stages));
  const lowered = lowerToNests({ ...module, programs }, offsetAlignment, {
    ...(scatters ? { scatters } : {}),
    wholeReductions: stages?.splitsReductions ?? false,
  });
  const joins = stages && fusion ? { maxStorageBuffers, stages } : null;
  const joined = joins ? joinReductionsOf(lowered, joins) : lowered;
  const fused = fusion ? fuseNests(joined, { maxStorageBuffers, order: fusion }) : joined;
  const variances = joins ? joinVariancesOf(fused, joins) : fused;
  const kept = joins ? keepTermsOf(variances, joins) : variances;
  const staged = stages
    ? fuseProducersOf(kept, { maxStorageBuffers, stages, ...(tiles ? { tiles } : {}) })
    : kept;
  const split = stages?.splitsReductions
    ? splitReductionsOf(staged, { stages, maxBindings: maxStorageBuffers })
    : staged;
  for (const remark of split.remarks) explain?.(remark);
  return finaliseNests(split);
}
