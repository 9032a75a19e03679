/** btc in a page: all of `btc-compiler`, and {@link compileSource} for models that are text. */

export type { BudgetRange, Sweep, SweepPoint, SweptPlan } from '../driver/sweep.ts';
export * from '../index.ts';
export type { Isolation } from './isolation.ts';
export type { CompiledSource, SweptSource } from './messages.ts';
export type { SourceFiles } from './modules.ts';
export { compileSource, type SourceOptions, sweepSource } from './source.ts';
