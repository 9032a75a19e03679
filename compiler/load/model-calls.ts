import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { resolve as resolveAsNode } from 'import-meta-resolve';
import type { SourceSpan } from '../../ir/source.ts';
import { currentSpan, spanOfError } from '../reporting/call-sites.ts';
import { noteThrown } from '../reporting/thrown.ts';
import type { EmittedModule } from './emit.ts';
import { COUNTED_LANGUAGE, OWN_MODULE, OWN_PACKAGE } from './own-module.ts';
import { packageAddress } from './packages.ts';

/** What emitted modules call. `own` is the address that a module runs at. */
export interface ModelCalls {
  /** The value itself, of which it is known now where it was thrown. */
  readonly thrown: <Value>(value: Value) => Value;
  /** What is waited for at the top of a module, of which it is known where, should it be rejected. */
  readonly awaited: <Value>(value: Value) => Value | Promise<Awaited<Value>>;
  /** The address of what a module imports by a name that it computes. */
  readonly imported: (specifier: unknown, own: string) => unknown;
  /** `import.meta.resolve` of the original file. */
  readonly resolverAt: (own: string) => (specifier: string, parent?: string | URL) => string;
}

const KEY = 'btc-compiler model';

/** How they name it: what is emitted is kept for other processes. */
export const MODEL_CALLS = `globalThis[Symbol.for('${KEY}')]`;

/** An import whose name was computed. */
export interface ComputedImport {
  readonly specifier: string;
  readonly from: string;
  readonly span: SourceSpan | null;
}

/** By the address that it runs at: a module, and those that it was emitted with by their original paths. */
const running = new Map<
  string,
  { readonly module: EmittedModule; readonly all: ReadonlyMap<string, string> }
>();
let computed: ComputedImport[] = [];

/** Those of the models that ran since {@link serveModules}. */
export const computedImports = (): readonly ComputedImport[] => computed;

/** Answers what modules ask that were written to a folder. */
export function serveModules(modules: readonly EmittedModule[], folderUrl: string): void {
  const urlOf = ({ path }: EmittedModule) => new URL(path, folderUrl).href;
  const all = new Map(modules.map((module) => [module.source.fileName, urlOf(module)]));
  for (const module of modules) running.set(urlOf(module), { module, all });
  computed = [];
  (globalThis as Record<symbol, unknown>)[Symbol.for(KEY)] = CALLS;
}

const CALLS: ModelCalls = {
  thrown(value) {
    noteAt(value, currentSpan());
    return value;
  },
  awaited(value) {
    const span = currentSpan();
    const promise = Promise.resolve(value);
    // Told before whoever waits for it.
    promise.catch((error: unknown) => noteAt(error, span));
    return promise;
  },
  imported(specifier, own) {
    const { module, all } = running.get(own)!;
    const from = module.source.fileName;
    const text = String(specifier);
    computed.push({ specifier: text, from, span: currentSpan() });
    if (text === OWN_PACKAGE)
      return isJavaScript(from) ? new URL(COUNTED_LANGUAGE, own).href : OWN_MODULE;
    const emitted = text.startsWith('.')
      ? emittedAt(resolve(dirname(from), text).replaceAll('\\', '/'), all)
      : null;
    // Where Node finds nothing, the import itself says what is wrong.
    return emitted ?? packageAddress(text, from).url ?? text;
  },
  resolverAt(own) {
    const from = running.get(own)!.module.source.fileName;
    return (specifier, parent) => {
      if (specifier === OWN_PACKAGE) return OWN_MODULE;
      const span = currentSpan();
      computed.push({ specifier: String(specifier), from, span });
      try {
        return resolveAsNode(specifier, String(parent ?? pathToFileURL(from)));
      } catch (error) {
        throw thrownAt(error, span);
      }
    };
  },
};

function noteAt(error: unknown, span: SourceSpan | null): void {
  if (span && spanOfError(error) === null) noteThrown(error, span);
}

/** An error as if Node itself had thrown it: the calls that made it here say nothing. */
function thrownAt(error: unknown, span: SourceSpan | null): unknown {
  if (!(error instanceof Error)) return error;
  Object.defineProperty(error, 'stack', { value: `${error.name}: ${error.message}` });
  noteAt(error, span);
  return error;
}

const isJavaScript = (file: string) => /\.[cm]?jsx?$/.test(file);

/** As TypeScript reads a path: without an ending, or with that of what it becomes. */
function emittedAt(path: string, all: ReadonlyMap<string, string>): string | null {
  const bare = /\.[cm]?js$/.test(path) ? path.slice(0, -extname(path).length) : path;
  const tried = [path, ...['.ts', '.mts', '.tsx', '.js', '.mjs'].map((ending) => bare + ending)];
  const found = tried.find((one) => all.has(one));
  return found === undefined ? null : all.get(found)!;
}
