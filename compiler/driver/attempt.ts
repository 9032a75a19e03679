import type { OrderRecords } from '../contract/record.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { type ActionOptions, type ContractionBound, planMemory } from '../plan-search/index.ts';
import type { Attempt } from '../plan-search/search.ts';
import type { Driver } from './driver.ts';
import type { ModuleState } from './module-state.ts';

/** What the passes make of a model under the knobs of a search. */
export interface CompilationAttempt extends Attempt {
  readonly orders: readonly OrderRecords[];
  /** Mistakes that passes behind the trace found. */
  readonly diagnostics: readonly Diagnostic[];
  /** The last thing that passes made. */
  readonly made: unknown;
}

/** The passes over graphs, from a traced module to one that can be lowered; it ends with `gradient` where that finds a mistake. */
export function throughGraphs(
  driver: Driver,
  traced: ModuleState,
  bound: ContractionBound | null,
): ModuleState {
  const simplified = driver.run('simplify', traced);
  const ordered = driver.run('contract', simplified, bound?.reorder ? bound : null);
  const differentiated = driver.run('gradient', ordered);
  if (mistakesOf(differentiated).length > 0) return differentiated;
  const optimised = driver.run('optimise', differentiated);
  const cleaned = driver.run('simplify-gradients', driver.run('expand-folds', optimised));
  return driver.run('slice', cleaned, bound);
}

/** From a traced module to places in memory, under a bound on the intermediates of contractions. */
export function attempt(
  driver: Driver,
  traced: ModuleState,
  bound: ContractionBound | null,
  actions: ActionOptions | null,
): CompilationAttempt {
  const module = throughGraphs(driver, traced, bound);
  const { orders } = module;
  const diagnostics = mistakesOf(module);
  if (diagnostics.length > 0) return { orders, diagnostics, memory: null, made: module };
  const fused = driver.run('fuse-producers', driver.run('fuse', driver.run('lower', module)));
  const schedule = driver.run('finalise', fused);
  const { target, limits } = driver.options;
  const options = { target, ...(actions ? { actions } : {}) };
  const memory = planMemory(schedule, limits, options, driver.schedulePasses);
  return { orders, diagnostics, memory, made: memory.allocation ?? schedule };
}

const mistakesOf = ({ diagnostics, traced }: ModuleState) =>
  diagnostics.slice(traced.diagnostics.length);
