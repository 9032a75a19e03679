import { pathToFileURL } from 'node:url';
import { diagnostic } from '../diagnostics.ts';
import type { CheckedModel } from './checked.ts';
import type { FileSystem } from './disk.ts';
import { emitModules } from './emit.ts';
import type { PackageAddress } from './packages.ts';
import { createParsedFiles, type ParsedFiles } from './parsed-files.ts';
import { createModelProgram, readConfiguration, userFiles } from './program.ts';
import { plainDiagnostic } from './typescript-diagnostics.ts';

/** A type checker. It keeps what it has parsed, so that of a model that changed only what changed is parsed again. */
export interface TypeChecker {
  /** How many files it has parsed so far. */
  readonly parsed: () => number;
  check(file: string, project: string | undefined, disk: FileSystem): Checked;
}

export interface Checked {
  readonly model: CheckedModel;
  /** Where the packages that it imports are. */
  readonly packages: readonly PackageAddress[];
}

export function createTypeChecker(): TypeChecker {
  // What is bound under some options is not what others would bind.
  const byOptions = new Map<string, ParsedFiles>();
  return {
    parsed: () => [...byOptions.values()].reduce((sum, files) => sum + files.parsed(), 0),
    check: (file, project, disk) =>
      checkModel(file, project, disk, (options) => {
        const key = JSON.stringify(options);
        const files = byOptions.get(key) ?? createParsedFiles();
        byOptions.set(key, files);
        return files;
      }),
  };
}

function checkModel(
  file: string,
  project: string | undefined,
  disk: FileSystem,
  parsedUnder: (options: object) => ParsedFiles,
): Checked {
  const configuration = readConfiguration(file, project, disk);
  const own = configuration.diagnostics.map(plainDiagnostic);
  const base = {
    files: [file],
    awaited: configuration.file === null ? [] : [configuration.file],
    problem: null,
    code: null,
  };
  if (!configuration.options) return { model: { ...base, typescript: own }, packages: [] };
  const checked = createModelProgram(
    file,
    configuration.options,
    disk,
    parsedUnder(configuration.options),
  );
  const { entry, program } = checked;
  const model = {
    ...base,
    typescript: [...own, ...checked.diagnostics.map(plainDiagnostic)],
    files: userFiles(checked).map((source) => source.fileName),
    awaited: [...base.awaited, ...checked.missing],
  };
  if (!entry) {
    const reason = 'TypeScript finds no file of that name';
    const problem = diagnostic(5002, null, { file, reason });
    return { model: { ...model, problem }, packages: [] };
  }
  if (program.getSyntacticDiagnostics().length > 0) return { model, packages: [] };
  const { modules, packages, inPlace } = emitModules(checked, disk);
  const emitted = modules.find(({ source }) => source.fileName === entry.fileName);
  // CommonJS runs where it is.
  const path = emitted?.path ?? pathToFileURL(entry.fileName).href;
  return { model: { ...model, code: { modules, entry: path, inPlace } }, packages };
}
