import type { OrderRecords } from '../contract/record.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { BatchKnobs } from '../micro-batch/index.ts';
import { type ActionOptions, type GraphKnobs, planMemory } from '../plan-search/index.ts';
import type { Attempt } from '../plan-search/search.ts';
import { scheduleSeconds } from '../plan-search/seconds.ts';
import type { Driver } from './driver.ts';
import type { ModuleState } from './module-state.ts';

/** What the passes make of a model under the knobs of a search. */
export interface CompilationAttempt extends Attempt {
  readonly orders: readonly OrderRecords[];
  /** Mistakes that passes behind the trace found. */
  readonly diagnostics: readonly Diagnostic[];
  /** By parameter that is kept as several: how many. */
  readonly pieces: ReadonlyMap<string, number>;
  /** The last thing that passes made. */
  readonly made: unknown;
}

/** The passes over graphs, from a traced module to one that can be lowered; it ends with `gradient` where that finds a mistake. */
export function throughGraphs(
  driver: Driver,
  traced: ModuleState,
  { bound, microBatches, split, half }: GraphKnobs,
  localNorm: boolean,
): ModuleState {
  const simplified = driver.run('simplify', traced);
  const ordered = driver.run('contract', simplified, bound?.reorder ? bound : null);
  const differentiated = driver.run('gradient', ordered);
  if (mistakesOf(differentiated).length > 0) return differentiated;
  const optimised = driver.run('optimise', differentiated);
  const cleaned = driver.run('simplify-gradients', driver.run('expand-folds', optimised));
  const batch: BatchKnobs | null =
    microBatches > 1
      ? { parts: microBatches, localNorm, coupling: 'refuse', pieces: split > 0 }
      : split > 0
        ? { parts: split, localNorm: false, coupling: 'phases', pieces: true }
        : null;
  const cut = driver.run('micro-batch', cleaned, batch);
  if (mistakesOf(cut).length > 0) return cut;
  const halves = cut.precision === 'f16' ? 'all' : half;
  return driver.run('halve', driver.run('slice', cut, bound), halves);
}

/** From a traced module to places in memory, under the knobs of a search. */
export function attempt(
  driver: Driver,
  traced: ModuleState,
  knobs: GraphKnobs,
  {
    actions,
    localNorm,
    metBytes,
  }: {
    readonly actions: ActionOptions | null;
    readonly localNorm: boolean;
    /** Of the smallest plan that earlier attempts have met. */
    readonly metBytes?: number;
  },
): CompilationAttempt {
  const module = throughGraphs(driver, traced, knobs, localNorm);
  const { orders, pieces = new Map() } = module;
  const diagnostics = messagesOf(module);
  if (mistakesOf(module).length > 0)
    return {
      orders,
      diagnostics,
      pieces,
      joins: false,
      hasWide: false,
      hasLargeParts: false,
      memory: null,
      made: module,
      seconds: () => 0,
    };
  const lowered = driver.run('lower', module, knobs.separateParts);
  const fused = driver.run('fuse', driver.run('join-reductions', lowered));
  const variances = driver.run('join-variances', fused);
  const kept = driver.run('keep-terms', variances);
  const staged = driver.run('fuse-producers', kept, knobs.tiles);
  const split = driver.run('split-reductions', staged, knobs.smallParts);
  const schedule = driver.run('scratch', driver.run('finalise', split));
  const { target, limits } = driver.options;
  const options = { target, ...(actions ? { actions: { ...actions, metBytes } } : {}) };
  const memory = planMemory(schedule, limits, options, driver.schedulePasses);
  const seconds = () =>
    actions && memory.schedule
      ? scheduleSeconds(memory.schedule, actions.secondsOf, actions.costs)
      : 0;
  return {
    orders,
    diagnostics,
    pieces,
    joins: hasJoins(module),
    hasWide: staged.hasWide === true,
    hasLargeParts: split.hasLargeParts === true,
    memory,
    made: memory.allocation ?? schedule,
    seconds,
  };
}

/** What passes have found, beside what the trace had. */
const messagesOf = ({ diagnostics, traced }: ModuleState) =>
  diagnostics.slice(traced.diagnostics.length);

const mistakesOf = (state: ModuleState) =>
  messagesOf(state).filter(({ category }) => category === 'error');

const hasJoins = ({ module }: ModuleState) =>
  module.programs.some(({ nodes }) => nodes.some(({ op }) => op === 'concat'));
