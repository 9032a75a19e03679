import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type ts from 'typescript';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { evaluationDiagnostic } from '../frontend/context.ts';
import { isModel, type Model } from '../frontend/model.ts';
import { type OptionValue, unknownOptions, withOptions } from '../frontend/option.ts';
import { setSourceMapper } from '../frontend/source.ts';
import { emitModules } from './emit.ts';
import { createSourceMapper, displayPath } from './positions.ts';
import { createModelProgram, userFiles } from './program.ts';

export interface LoadedModel {
  /** Null when the file could not be evaluated or exports no model. */
  readonly model: Model | null;
  /** From evaluating the file; those of tracing come from `compile`. */
  readonly diagnostics: readonly Diagnostic[];
  /** From parsing and type-checking. */
  readonly typescript: readonly ts.Diagnostic[];
  /** The user's files that the model is made of: what a watch should watch. */
  readonly files: readonly string[];
}

export interface LoadModelOptions {
  /** A tsconfig.json or its folder; by default the nearest above the file. */
  readonly project?: string;
  /** Values of options that the model declares. */
  readonly set?: Readonly<Record<string, OptionValue>>;
}

/**
 * Type-checks and evaluates a model file. Type errors do not keep it from being evaluated, so that one build shows TypeScript's
 * errors and btc's; syntax errors do. Positions of later diagnostics lead to this file until the next one is loaded.
 */
export async function loadModel(
  file: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  const checked = createModelProgram(file, options.project);
  const files = userFiles(checked.program).map((source) => source.fileName);
  const base = { typescript: checked.diagnostics, files };
  if (!checked.entry)
    return { ...base, model: null, diagnostics: [diagnostic(6003, null, { file })] };
  if (checked.program.getSyntacticDiagnostics().length > 0)
    return { ...base, model: null, diagnostics: [] };

  const folder = await mkdtemp(join(tmpdir(), 'btc-'));
  try {
    const folderUrl = `${pathToFileURL(folder).href}/`;
    const emitted = emitModules(checked, folderUrl);
    await Promise.all(emitted.map(({ path, text }) => writeFile(join(folder, path), text)));
    setSourceMapper(createSourceMapper(emitted, folderUrl));
    const entry = emitted.find(({ source }) => source === checked.entry)!;
    const { result, declared, diagnostics } = await withOptions(options.set ?? {}, () =>
      importModel(new URL(entry.path, folderUrl).href, file),
    );
    const unknown = result.model
      ? unknownOptions(options.set ?? {}, declared, result.model.definition.name)
      : [];
    return {
      ...base,
      model: result.model,
      diagnostics: [...diagnostics, ...unknown, ...result.diagnostics],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function importModel(
  url: string,
  file: string,
): Promise<{ model: Model | null; diagnostics: Diagnostic[] }> {
  try {
    const namespace = (await import(url)) as { default?: unknown };
    if (isModel(namespace.default)) return { model: namespace.default, diagnostics: [] };
    return {
      model: null,
      diagnostics: [
        diagnostic(
          1001,
          { file: displayPath(file), line: 1, column: 1 },
          { file: displayPath(file) },
        ),
      ],
    };
  } catch (error) {
    return { model: null, diagnostics: [evaluationDiagnostic(error)] };
  }
}
