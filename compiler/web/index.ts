/** btc in a page: all of `btc-compiler`, and {@link compileSource} for models that are text. */

export * from '../index.ts';
export type { Isolation } from './isolation.ts';
export type { CompiledSource } from './messages.ts';
export type { SourceFiles } from './modules.ts';
export { compileSource, type SourceOptions } from './source.ts';
