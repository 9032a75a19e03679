import type ts from 'typescript';
import type { CheckedCode } from '../load/checked.ts';
import { DISK, type FileSystem } from '../load/disk.ts';
import { createEmissions, type Emissions } from '../load/emissions.ts';
import { emitModules, staysInPlace } from '../load/emit.ts';
import { OWN_PACKAGE } from '../load/own-module.ts';
import { createParsedFiles, type ParsedFiles } from '../load/parsed-files.ts';
import {
  type Configuration,
  DEFAULT_OPTIONS,
  parseModelProgram,
  readConfiguration,
  userFiles,
} from '../load/program.ts';
import { keepCode, typescript } from '../load/typescript.ts';
import { plainDiagnostic, type TypeScriptDiagnostic } from '../load/typescript-diagnostics.ts';

/** A file and what it imports of the user's own, parsed and emitted: no types are looked at. */
export interface ParsedModel {
  readonly file: string;
  /** By path: the files as they were parsed, the file itself among them. */
  readonly sources: ReadonlyMap<string, ts.SourceFile>;
  /** Other files that decide the result: the configuration, and where imports that did not resolve may yet appear. */
  readonly awaited: readonly string[];
  readonly syntax: readonly TypeScriptDiagnostic[];
  /** What to evaluate; null where the file is no model, or the syntax of a file is wrong. */
  readonly code: CheckedCode | null;
  readonly isModel: boolean;
  /** Text of modules that Node loads from where they are, and only once in a thread. */
  readonly loadedOnce: string;
}

/** Parses one file after the other; what has not changed is neither parsed nor emitted again. */
export interface ModelParser {
  /** Null where there is no file of that name. */
  parse(file: string): ParsedModel | null;
}

/** Of one configuration. */
interface Known {
  readonly parsed: ParsedFiles;
  readonly emissions: Emissions;
}

/** `disk`: the files as the editor has them. */
export function createModelParser(disk: FileSystem): ModelParser {
  const byOptions = new Map<string, Known>();
  return {
    parse(file) {
      const { options, file: configured }: Configuration = readConfiguration(file, undefined, disk);
      // What is wrong with the configuration is said by whoever checks types.
      const used = options ?? DEFAULT_OPTIONS;
      const key = JSON.stringify(used);
      const known = byOptions.get(key) ?? {
        parsed: createParsedFiles(),
        emissions: createEmissions(),
      };
      byOptions.set(key, known);
      const program = parseModelProgram(file, used, disk, known.parsed);
      const { entry, diagnostics, missing } = program;
      if (!entry) return null;
      const files = userFiles(program);
      const sources = new Map(files.map((source) => [source.fileName, source]));
      const isModel = hasDefaultExport(entry) && files.some(importsDefineModel);
      const isWhole = diagnostics.length === 0;
      const emitted = isModel && isWhole ? emitModules(program, disk, known.emissions) : null;
      keepCode();
      const entryPath = emitted?.modules.find(
        ({ source }) => source.fileName === entry.fileName,
      )?.path;
      return {
        ...{ file: entry.fileName, sources, isModel },
        awaited: configured === null ? missing : [configured, ...missing],
        syntax: diagnostics.map(plainDiagnostic),
        code:
          emitted && entryPath
            ? {
                // Places are wanted as V8 reports them: they tell the calls of a chain apart.
                modules: emitted.modules.map((module) => ({
                  ...module,
                  source: { ...module.source, callStarts: [] },
                })),
                entry: entryPath,
                inPlace: emitted.inPlace,
              }
            : null,
        loadedOnce: JSON.stringify(
          files.filter(staysInPlace).map(({ fileName, text }) => [fileName, text]),
        ),
      };
    },
  };
}

/** A default export, of whatever. */
function hasDefaultExport({ statements }: ts.SourceFile): boolean {
  return statements.some((statement) => {
    if (typescript.isExportAssignment(statement)) return !statement.isExportEquals;
    if (!typescript.isExportDeclaration(statement)) return false;
    const { exportClause: clause, isTypeOnly } = statement;
    return (
      !isTypeOnly &&
      clause !== undefined &&
      typescript.isNamedExports(clause) &&
      clause.elements.some(({ name }) => name.text === 'default')
    );
  });
}

/** Whether a file can call `defineModel`: one that cannot, and imports none that can, is never run. */
function importsDefineModel({ statements }: ts.SourceFile): boolean {
  return statements.some((statement) => {
    if (!typescript.isImportDeclaration(statement)) return false;
    const { moduleSpecifier, importClause } = statement;
    if (!typescript.isStringLiteral(moduleSpecifier) || moduleSpecifier.text !== OWN_PACKAGE)
      return false;
    const bindings = importClause?.namedBindings;
    if (!bindings || importClause.phaseModifier === typescript.SyntaxKind.TypeKeyword) return false;
    return (
      typescript.isNamespaceImport(bindings) ||
      bindings.elements.some(
        ({ name, propertyName, isTypeOnly }) =>
          !isTypeOnly && (propertyName ?? name).text === 'defineModel',
      )
    );
  });
}

/** The disk with the texts that the editor has and that are not saved. `textOf` gives null for a file that is not open. */
export function withOpenFiles(textOf: (path: string) => string | null): FileSystem {
  return {
    ...DISK,
    fileExists: (path) => textOf(path) !== null || DISK.fileExists(path),
    readBytes(path) {
      const text = textOf(path);
      return text === null ? DISK.readBytes(path) : Buffer.from(text);
    },
  };
}
