import { existsSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type ts from 'typescript';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { isModel, type Model } from '../frontend/model.ts';
import { type OptionValue, unknownOptions, withOptions } from '../frontend/option.ts';
import { setSourceMapper } from '../reporting/call-sites.ts';
import { evaluationDiagnostic } from '../reporting/report.ts';
import { type EmittedFile, emitModules } from './emit.ts';
import { createSourceMapper, displayPath } from './positions.ts';
import { createModelProgram, type ModelProgram, readConfiguration, userFiles } from './program.ts';
import { withScratchFolder } from './scratch.ts';

export interface LoadedModel {
  /** Null when the file could not be evaluated or exports no model. */
  readonly model: Model | null;
  /** From evaluating the file; those of tracing come from `compile`. */
  readonly diagnostics: readonly Diagnostic[];
  /** From parsing and type-checking. */
  readonly typescript: readonly ts.Diagnostic[];
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
  /** Told before the model is evaluated which files decide the result. */
  readonly onChecked?: (files: readonly string[]) => void;
}

/**
 * Type-checks and evaluates a model file. Type errors do not keep it from being evaluated, so that one build shows TypeScript's
 * errors and btc's; syntax errors do. Positions of later diagnostics lead to this file until the next one is loaded.
 */
export async function loadModel(
  file: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  const nothing = { model: null, diagnostics: [], typescript: [], files: [file], awaited: [] };
  const refused = refuseFile(file);
  if (refused) return { ...nothing, diagnostics: [refused] };
  const configuration = readConfiguration(file, options.project);
  const awaited = configuration.file === null ? [] : [configuration.file];
  if (!configuration.options) return { ...nothing, typescript: configuration.diagnostics, awaited };

  const checked = createModelProgram(file, configuration.options);
  const base = {
    typescript: [...configuration.diagnostics, ...checked.diagnostics],
    files: userFiles(checked).map((source) => source.fileName),
    awaited: [...awaited, ...checked.missing],
  };
  options.onChecked?.([...base.files, ...base.awaited]);
  if (!checked.entry) {
    const reason = 'TypeScript finds no file of that name';
    return { ...base, model: null, diagnostics: [diagnostic(5002, null, { file, reason })] };
  }
  if (checked.program.getSyntacticDiagnostics().length > 0)
    return { ...base, model: null, diagnostics: [] };
  return { ...base, ...(await evaluate(file, checked, options.set ?? {})) };
}

/** Why a path cannot be a model, whatever stands in it. */
function refuseFile(file: string): Diagnostic | null {
  if (!existsSync(file)) return diagnostic(6003, null, { file });
  const isCode = /\.[cm]?[jt]sx?$/.test(file) && !/\.d\.[cm]?ts$/.test(file);
  return isCode && statSync(file).isFile() ? null : diagnostic(6006, null, { file });
}

type Evaluated = Pick<LoadedModel, 'model' | 'diagnostics'>;

/** Emits the user's files into a folder that lives as long as their evaluation, and imports the entry. */
function evaluate(
  file: string,
  checked: ModelProgram,
  set: Readonly<Record<string, OptionValue>>,
): Promise<Evaluated> {
  return withScratchFolder(async (folder) => {
    const folderUrl = `${pathToFileURL(folder).href}/`;
    const emitted = emitModules(checked, folderUrl);
    await Promise.all(emitted.map(({ path, text }) => writeFile(join(folder, path), text)));
    setSourceMapper(createSourceMapper(emitted, folderUrl));
    const entry = emitted.find(({ source }) => source === checked.entry)!;
    const { result, declared, diagnostics } = await withOptions(set, async () => {
      try {
        return modelOf(await import(new URL(entry.path, folderUrl).href), file);
      } catch (error) {
        const known = isReported(error, checked.diagnostics);
        return { model: null, diagnostics: known ? [] : [explain(error, emitted, folderUrl)] };
      }
    });
    const unknown = result.model ? unknownOptions(set, declared, result.model.definition.name) : [];
    return {
      model: result.model,
      diagnostics: [...diagnostics, ...unknown, ...result.diagnostics],
    };
  });
}

function modelOf(namespace: { default?: unknown }, file: string): Evaluated {
  if (isModel(namespace.default)) return { model: namespace.default, diagnostics: [] };
  const path = displayPath(file);
  return {
    model: null,
    diagnostics: [diagnostic(1001, { file: path, line: 1, column: 1 }, { file: path })],
  };
}

/** TypeScript's errors for an import of a module that does not exist, and of a name that its module does not export. */
const NO_MODULE = [2307, 2792, 2882];
const NO_EXPORT = [1192, 2305, 2459, 2460, 2614, 2724];

/** Whether Node stumbled over an import that TypeScript has reported in better words. */
function isReported(error: unknown, diagnostics: readonly ts.Diagnostic[]): boolean {
  if (!(error instanceof Error)) return false;
  const numbers =
    (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
      ? NO_MODULE
      : error instanceof SyntaxError && error.message.includes('does not provide an export named')
        ? NO_EXPORT
        : [];
  return diagnostics.some(({ code }) => numbers.includes(code));
}

/** What evaluation threw, in terms of the user's files: Node names the emitted ones. */
function explain(error: unknown, emitted: readonly EmittedFile[], folderUrl: string): Diagnostic {
  const found = evaluationDiagnostic(error);
  const message = emitted.reduce((text, { path, source }) => {
    const url = new URL(path, folderUrl).href;
    const original = displayPath(source.fileName);
    return text.replaceAll(url, original).replaceAll(fileURLToPath(url), original);
  }, found.message);
  return { ...found, message };
}
