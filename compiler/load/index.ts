import { existsSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { isModel, type Model } from '../frontend/model.ts';
import { givenOptions, keepOptions, type OptionValue, withOptions } from '../frontend/option.ts';
import { setSourceMapper } from '../reporting/call-sites.ts';
import { evaluationDiagnostic } from '../reporting/report.ts';
import { type CacheFolder, userCache } from './cache-folder.ts';
import type { TypeChecker } from './check.ts';
import type { CheckedCode, CheckedModel } from './checked.ts';
import { checkedBefore } from './checked-before.ts';
import type { EmittedModule } from './emit.ts';
import { isMissingExport, missingExport } from './missing-export.ts';
import { isMissingModule, missingModule } from './missing-module.ts';
import { serveModules } from './model-calls.ts';
import { NO_MODULE } from './near-module.ts';
import { COUNTED_LANGUAGE, OWN_MODULE, OWN_PACKAGE } from './own-module.ts';
import { createSourceMapper, displayPath } from './positions.ts';
import { withScratchFolder } from './scratch.ts';
import type { TypeScriptDiagnostic } from './typescript-diagnostics.ts';

export interface LoadedModel {
  /** Null when the file could not be evaluated or exports no model. */
  readonly model: Model | null;
  /** From evaluating the file; those of tracing come from `compile`. */
  readonly diagnostics: readonly Diagnostic[];
  /** From parsing and type-checking. */
  readonly typescript: readonly TypeScriptDiagnostic[];
  /** The user's files that the model is made of. */
  readonly files: readonly string[];
  /** Other files that decide the result: the configuration, and where imports that did not resolve may yet appear. */
  readonly awaited: readonly string[];
}

export interface LoadModelOptions {
  /** A tsconfig.json or its folder; by default the nearest above the file. */
  readonly project?: string;
  /** Values of options that the model declares. */
  readonly set?: Readonly<Record<string, OptionValue>>;
  /** What checking it gave, where somebody else has done that. */
  readonly checked?: CheckedModel;
  /** Told before the model is evaluated which files decide the result. */
  readonly onChecked?: (files: readonly string[]) => void;
}

/**
 * Type-checks and evaluates a model file. Type errors do not keep it from being evaluated, so that one build shows TypeScript's
 * errors and btc's; syntax errors do. Values of options hold while the model is traced too, which then says BTC1005 of those that nothing
 * declared. Positions of later diagnostics lead to this file until the next one is loaded.
 */
export async function loadModel(
  file: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  const checked = await (options.checked ?? modelChecks().check(file, options.project));
  const { typescript, files, awaited, problem, code } = checked;
  const base = { typescript, files, awaited };
  options.onChecked?.([...files, ...awaited]);
  if (!code) return { ...base, model: null, diagnostics: problem ? [problem] : [] };
  return { ...base, ...(await evaluate(file, checked, code, options.set ?? {})) };
}

/** Type-checks one model file after the other. */
export interface ModelChecks {
  check(file: string, project?: string): Promise<CheckedModel>;
  /** How many files TypeScript has parsed so far: none where all that was asked had been checked before. */
  readonly parsed: () => number;
}

/** TypeScript is loaded for the first file that was not checked before as it is, and once; what it has parsed is kept. */
export function modelChecks(cache: CacheFolder = userCache()): ModelChecks {
  let checker: TypeChecker | null = null;
  return {
    parsed: () => checker?.parsed() ?? 0,
    async check(file, project) {
      const problem = refuseFile(file);
      if (problem) return { typescript: [], files: [file], awaited: [], problem, code: null };
      return checkedBefore(file, project, cache, async (disk) => {
        const [{ createTypeChecker }, { keepCode }] = await Promise.all([
          import('./check.ts'),
          import('./typescript.ts'),
        ]);
        checker ??= createTypeChecker();
        const checked = checker.check(file, project, disk);
        keepCode();
        return checked;
      });
    },
  };
}

const MODEL_FILE =
  'a model: TypeScript or JavaScript code with a default export made by defineModel';

/** Why a path cannot be a model, whatever stands in it. */
function refuseFile(file: string): Diagnostic | null {
  if (!existsSync(file)) return diagnostic(6003, null, { file });
  const isCode = /\.[cm]?[jt]sx?$/.test(file) && !/\.d\.[cm]?ts$/.test(file);
  if (statSync(file).isDirectory())
    return diagnostic(5002, null, { file, reason: 'it is a folder' });
  if (!isCode || !statSync(file).isFile())
    return diagnostic(6006, null, { file, wanted: MODEL_FILE, found: '' });
  // Models are evaluated as ES modules, whatever they are called.
  const [, kind] = /\.c([jt]s)$/.exec(file) ?? [];
  return kind ? diagnostic(6032, null, { file, other: `.m${kind}` }) : null;
}

type Evaluated = Pick<LoadedModel, 'model' | 'diagnostics'>;

/** Writes the modules into a folder that lives as long as their evaluation, and imports the entry. */
function evaluate(
  file: string,
  checked: CheckedModel,
  { modules, entry, inPlace }: CheckedCode,
  set: Readonly<Record<string, OptionValue>>,
): Promise<Evaluated> {
  return withScratchFolder(async (folder) => {
    const folderUrl = `${pathToFileURL(folder).href}/`;
    await Promise.all(modules.map(({ path, text }) => writeFile(join(folder, path), text)));
    if (inPlace.length > 0 || modules.some(({ text }) => LANGUAGE_IN_JAVASCRIPT.test(text)))
      await giveLanguage(folder, [...inPlace, ...modules.map(({ source }) => source.fileName)]);
    const placeOf = createSourceMapper(modules, folderUrl);
    setSourceMapper(placeOf);
    serveModules(modules, folderUrl);
    const ownNames = (text: string) => withOwnNames(text, modules, folderUrl);
    const explain = (error: unknown) =>
      (isMissingModule(error) && missingModule(error, modules, folderUrl)) ||
      explained(error, file, ownNames);
    explainLast = explain;
    const given = givenOptions(set);
    const { result, diagnostics } = await withOptions(given, async () => {
      try {
        return modelOf(await import(new URL(entry, folderUrl).href), file);
      } catch (error) {
        if (typeof error === 'object' && error !== null) known.add(error);
        if (isReported(error, checked.typescript)) return { model: null, diagnostics: [] };
        const told = isMissingExport(error)
          ? await missingExport(error, placeOf, ownNames)
          : explain(error);
        return { model: null, diagnostics: [told] };
      }
    });
    if (result.model) keepOptions(result.model, given);
    return { model: result.model, diagnostics: [...diagnostics, ...result.diagnostics] };
  });
}

/** What evaluating models threw, and is told by what `loadModel` gave. */
const known = new WeakSet<object>();

export const wasTold = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && known.has(error);

/** Of the model that was loaded last. */
let explainLast: (error: unknown) => Diagnostic = evaluationDiagnostic;

/** BTC1002 and the like of what the model that was loaded last throws where nobody can catch it. */
export const strayDiagnostic = (error: unknown): Diagnostic => explainLast(error);

/** What a module has that imports the language where nothing checks arguments, or may do so: by a name that it computes, or by `require`. */
const LANGUAGE_IN_JAVASCRIPT = /btc-language\.mjs|\.imported\(|createRequire/;

/** For the imports of JavaScript, and for what `files` require. */
async function giveLanguage(folder: string, files: readonly string[]): Promise<void> {
  const [{ countedLanguage, requireLanguage }, exported] = await Promise.all([
    import('./counted-language.ts'),
    import(OWN_MODULE),
  ]);
  await writeFile(join(folder, COUNTED_LANGUAGE), countedLanguage(exported));
  requireLanguage(files);
}

function modelOf(namespace: { default?: unknown }, file: string): Evaluated {
  if (isModel(namespace.default)) return { model: namespace.default, diagnostics: [] };
  const path = displayPath(file);
  return {
    model: null,
    diagnostics: [diagnostic(1001, { file: path, line: 1, column: 1 }, { file: path })],
  };
}

/** TypeScript's errors for an import of a name that its module does not export. */
const NO_EXPORT = ['TS1192', 'TS2305', 'TS2459', 'TS2460', 'TS2614', 'TS2724'];

/** Whether Node stumbled over an import that TypeScript has reported in better words. */
function isReported(error: unknown, diagnostics: readonly TypeScriptDiagnostic[]): boolean {
  if (!(error instanceof Error)) return false;
  const numbers = isMissingModule(error) ? NO_MODULE : isMissingExport(error) ? NO_EXPORT : [];
  return diagnostics.some(({ code }) => numbers.includes(code));
}

/** What evaluation threw; where nobody knows where, it was in the model's file or in what that imports. */
function explained(error: unknown, file: string, ownNames: (text: string) => string): Diagnostic {
  const found = evaluationDiagnostic(error);
  const source = found.source ?? { file: displayPath(file), line: 1, column: 1 };
  return { ...found, source, message: ownNames(found.message) };
}

/** A text in terms of the user's files: Node names the emitted ones. */
function withOwnNames(text: string, emitted: readonly EmittedModule[], folderUrl: string): string {
  return emitted.reduce(
    (changed, { path, source }) => {
      const url = new URL(path, folderUrl).href;
      const original = displayPath(source.fileName);
      return changed.replaceAll(url, original).replaceAll(fileURLToPath(url), original);
    },
    text
      .replaceAll(OWN_MODULE, OWN_PACKAGE)
      .replaceAll(new URL(COUNTED_LANGUAGE, folderUrl).href, OWN_PACKAGE),
  );
}
