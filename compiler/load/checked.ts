import type { Diagnostic } from '../diagnostics.ts';
import type { EmittedModule } from './emit.ts';
import type { TypeScriptDiagnostic } from './typescript-diagnostics.ts';

/** What TypeScript makes of a model file and all that it imports: plain data, for threads and for the cache. */
export interface CheckedModel {
  /** From parsing and type-checking. */
  readonly typescript: readonly TypeScriptDiagnostic[];
  /** Why there is nothing to evaluate, where TypeScript does not say it. */
  readonly problem: Diagnostic | null;
  /** The user's files that the model is made of. */
  readonly files: readonly string[];
  /** Other files that decide the result: the configuration, and where imports that did not resolve may yet appear. */
  readonly awaited: readonly string[];
  /** What to evaluate; null where that makes no sense. */
  readonly code: CheckedCode | null;
}

export interface CheckedCode {
  readonly modules: readonly EmittedModule[];
  /** Path of the model's own, or the address of one that is not emitted. */
  readonly entry: string;
  /** The user's files that Node loads from where they are. */
  readonly inPlace: readonly string[];
}
