import type { Target } from '../../ir/plan.ts';
import { type Diagnostic, deduplicate, diagnostic } from '../diagnostics.ts';
import { compile, type Shared } from '../driver/compile.ts';
import type { CompileProgress } from '../driver/progress.ts';
import type { CompileResult } from '../driver/result.ts';
import { type BudgetRange, budgetRange, sweepBudgets } from '../driver/sweep.ts';
import { isModel, type Model } from '../frontend/model.ts';
import { givenOptions, keepOptions, type OptionValue, withOptions } from '../frontend/option.ts';
import { type TracedModel, traceModel } from '../frontend/trace.ts';
import * as language from '../language.ts';
import { setSourceMapper } from '../reporting/call-sites.ts';
import { evaluationDiagnostic } from '../reporting/report.ts';
import { checkedLanguage } from './checked.ts';
import type { CompiledSource, SourceJob, SweptSource } from './messages.ts';
import { LANGUAGE, type LinkedModule, linkFiles } from './modules.ts';
import { type Edited, lineStartsOf } from './typescript/edits.ts';

/** Makes a module of text that can be imported, and gives its address. */
export type MakeModule = (text: string) => string;

/** What the language exports, at the address that models import it from. */
const EXPORTED: ReadonlySet<string> = new Set(Object.keys(language));
const SHARED = 'btcLanguage';

/** What came of a source, and where it was asked for what finds the range of its budgets, ever smaller ones. */
export interface CompiledFiles {
  readonly built: CompiledSource | SweptSource;
  readonly findRange?: (onRange: (range: BudgetRange) => void) => Promise<BudgetRange | null>;
}

/**
 * Evaluates the source of a model and compiles it for one target after the other. Mistakes are diagnostics, as `btc build` gives them
 * but for TypeScript's types, which are left out unread.
 *
 * @throws Error only for a defect of btc itself
 */
export async function compileFiles(
  { files, entry, targets, sweepPoints, range, options }: SourceJob,
  makeModule: MakeModule,
  onProgress: (target: Target, progress: CompileProgress) => void,
): Promise<CompiledFiles> {
  const problems: Diagnostic[] = [];
  const linked = linkFiles(files, entry, EXPORTED);
  if (linked.diagnostics.length > 0) return { built: failed(linked.diagnostics) };
  const { set = {}, ...compileOptions } = options;
  const { model, diagnostics } = await evaluate(entry, linked.modules, makeModule, set);
  if (sweepPoints !== undefined) {
    const options = { ...compileOptions, target: targets[0] };
    const swept = model && (await sweepBudgets(model, options, sweepPoints));
    const all = deduplicate([...diagnostics, ...(swept?.diagnostics ?? [])]);
    return { built: { sweep: swept?.sweep ?? null, diagnostics: all } };
  }
  // One trace for all targets: what a model draws at random or counts is the same for all of them.
  let traced: TracedModel | null = null;
  const traceOnce = (made: Model) => {
    traced ??= traceModel(made);
    return traced;
  };
  const results = new Map<Target, CompileResult>();
  // The range is that of the first target, whose passes need not run again.
  const shared: Shared = { driver: null, smallest: null };
  for (const target of model ? new Set(targets) : []) {
    const result = await compile(
      model!,
      { ...compileOptions, target, onProgress: (progress) => onProgress(target, progress) },
      traceOnce,
      range && target === targets[0] ? shared : null,
    );
    problems.push(...result.diagnostics);
    results.set(target, result);
  }
  const all = deduplicate([...diagnostics, ...problems]);
  const failing = all.some(({ category }) => category === 'error');
  const ranged = { ...compileOptions, target: targets[0] };
  return {
    built: failing ? failed(all) : builtOf(results, all),
    ...(range && model
      ? {
          findRange: (onRange) =>
            budgetRange(model, ranged, { traceOf: traceOnce, shared }, onRange),
        }
      : {}),
  };
}

const failed = (diagnostics: readonly Diagnostic[]): CompiledSource => ({
  ...{ plans: {}, module: null, parameters: null },
  diagnostics,
});

function builtOf(
  results: ReadonlyMap<Target, CompileResult>,
  diagnostics: readonly Diagnostic[],
): CompiledSource {
  const made = [...results];
  const module = made.find(([, result]) => result.module)?.[1].module ?? null;
  return {
    plans: Object.fromEntries(made.map(([target, { plan }]) => [target, plan])),
    module: module as CompiledSource['module'],
    parameters: (made[0]?.[1].parameters ?? null) as CompiledSource['parameters'],
    diagnostics,
  };
}

interface Evaluated {
  readonly model: Model | null;
  readonly diagnostics: readonly Diagnostic[];
}

async function evaluate(
  entry: string,
  modules: readonly LinkedModule[],
  makeModule: MakeModule,
  set: Readonly<Record<string, OptionValue>>,
): Promise<Evaluated> {
  const addresses = new Map(LANGUAGE.map((name) => [name, '']));
  const shared = makeModule(languageText());
  for (const name of LANGUAGE) addresses.set(name, shared);
  const emitted = new Map<string, { readonly module: LinkedModule; readonly edited: Edited }>();
  for (const module of modules) {
    const edited = module.emit((target) => addresses.get(target) ?? target);
    const address = makeModule(edited.text);
    addresses.set(module.file, address);
    emitted.set(address, { module, edited });
  }
  setSourceMapper(mapperOf(emitted));
  const given = givenOptions(set);
  const { result, diagnostics } = await withOptions(given, () =>
    importModel(addresses.get(entry)!, entry, emitted),
  );
  if (result.model) keepOptions(result.model, given);
  return { model: result.model, diagnostics: [...diagnostics, ...result.diagnostics] };
}

/** A module that exports the language as it is here: models and compiler share one instance of it. */
function languageText(): string {
  (globalThis as Record<string, unknown>)[SHARED] = checkedLanguage();
  const names = [...EXPORTED].map((name) => `export const ${name} = $btc.${name};`);
  return `const $btc = globalThis.${SHARED};\n${names.join('\n')}`;
}

function mapperOf(
  emitted: ReadonlyMap<string, { readonly module: LinkedModule; readonly edited: Edited }>,
) {
  const lines = new Map([...emitted].map(([url, { edited }]) => [url, lineStartsOf(edited.text)]));
  return (url: string, line: number, column: number) => {
    const known = emitted.get(url);
    if (!known) return null;
    const { module, edited } = known;
    const offset = edited.originalOf(lines.get(url)![line - 1] + column - 1);
    return { file: module.file, ...module.placeOf(offset) };
  };
}

async function importModel(
  address: string,
  entry: string,
  emitted: ReadonlyMap<string, { readonly module: LinkedModule }>,
): Promise<Evaluated> {
  try {
    const namespace = (await import(/* @vite-ignore */ /* webpackIgnore: true */ address)) as {
      default?: unknown;
    };
    if (isModel(namespace.default)) return { model: namespace.default, diagnostics: [] };
    const place = { file: entry, line: 1, column: 1 };
    return { model: null, diagnostics: [diagnostic(1001, place, { file: entry })] };
  } catch (error) {
    const found = evaluationDiagnostic(error);
    const message = [...emitted].reduce(
      (text, [url, { module }]) => text.replaceAll(url, module.file),
      found.message,
    );
    const source = found.source ?? { file: entry, line: 1, column: 1 };
    return { model: null, diagnostics: [{ ...found, source, message }] };
  }
}
