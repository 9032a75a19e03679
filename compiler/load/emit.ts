import { dirname, resolve as resolvePath } from 'node:path';
import { pathToFileURL } from 'node:url';
import type ts from 'typescript';
import { placesOf, reportedCalls } from './call-starts.ts';
import type { FileSystem } from './disk.ts';
import {
  createEmissions,
  dependencies,
  type Emission,
  type Emissions,
  specifiersOf,
} from './emissions.ts';
import { COUNTED_LANGUAGE, OWN_MODULE, OWN_PACKAGE } from './own-module.ts';
import { type PackageAddress, packageAddress } from './packages.ts';
import type { MappedModule } from './positions.ts';
import { type ModelProgram, userFiles } from './program.ts';
import { rewriteModule } from './rewrite-module.ts';
import { typescript } from './typescript.ts';

/** One user file as JavaScript. */
export interface EmittedModule extends MappedModule {
  /** Path below the folder that it shall be written to. */
  readonly path: string;
  readonly text: string;
  /** What it imports, as it is written, and where. */
  readonly imports: readonly { readonly specifier: string; readonly offset: number }[];
}

/** The user's files as modules, and where the packages that they import were found. */
export interface Emitted {
  readonly modules: readonly EmittedModule[];
  readonly packages: readonly PackageAddress[];
  /** The user's files that Node loads from where they are. */
  readonly inPlace: readonly string[];
}

/** Of a file that is written as it is, and where nothing is called. */
const NO_MAP = '{"version":3,"sources":[],"names":[],"mappings":""}';

/**
 * Emits the user's files as ES modules that can be imported from any folder: relative imports lead to the emitted files, all
 * others to the absolute address that Node would find from the original file, and `import.meta` speaks of the original. What
 * `emissions` has of files that are as they were is not made again.
 */
export function emitModules(
  model: ModelProgram,
  disk: FileSystem,
  emissions: Emissions = createEmissions(),
): Emitted {
  const { program } = model;
  const own = userFiles(model);
  const files = own.filter((file) => !staysInPlace(file));
  const inPlace = new Set(own.filter(staysInPlace).map(({ fileName }) => fileName));
  const pathOf = new Map(
    files.map((file, index) => [
      file.fileName,
      `${index}-${plainName(file.fileName)}${isJson(file) ? '.json' : '.mjs'}`,
    ]),
  );
  const packages: PackageAddress[] = [];
  const resolved = (text: string, from: ts.SourceFile) =>
    typescript.resolveModuleName(text, from.fileName, program.getCompilerOptions(), model.host)
      .resolvedModule;
  const address = (text: string, from: ts.SourceFile): string | null => {
    if (text === OWN_PACKAGE) return isJavaScript(from) ? COUNTED_LANGUAGE : OWN_MODULE;
    const target = resolved(text, from);
    const emitted = target && pathOf.get(target.resolvedFileName);
    if (emitted) return `./${emitted}`;
    if (
      target &&
      (target.extension === typescript.Extension.Json || inPlace.has(target.resolvedFileName))
    )
      return pathToFileURL(target.resolvedFileName).href;
    if (text.startsWith('.')) {
      // As TypeScript reads it: a path, in which # and % are characters as all others.
      const path = resolvePath(dirname(from.fileName), text);
      if (disk.fileExists(path) || disk.directoryExists(path)) return pathToFileURL(path).href;
      try {
        return new URL(text, pathToFileURL(from.fileName)).href;
      } catch {
        return null;
      }
    }
    if (text.startsWith('node:')) return text;
    const found = packageAddress(text, from.fileName);
    packages.push(found);
    return found.url;
  };
  const upon = dependencies(own, (text, from) => {
    const target = text === OWN_PACKAGE ? undefined : resolved(text, from);
    return (target && program.getSourceFile(target.resolvedFileName)) ?? null;
  });
  const modules = files.map((source): EmittedModule => {
    const addressFrom = (text: string) => address(text, source);
    const output = isJson(source)
      ? { text: source.text, map: NO_MAP }
      : emissions.of(source, upon.get(source)!, addressFrom, (asked) =>
          emitModule(program, source, asked),
        );
    const path = pathOf.get(source.fileName)!;
    return { path, ...output, imports: importsOf(source), source: placesOf(source) };
  });
  return { modules, packages, inPlace: [...inPlace] };
}

function importsOf(source: ts.SourceFile): EmittedModule['imports'] {
  const called = reportedCalls(source).flatMap(({ call }) => {
    const isImport = call.expression.kind === typescript.SyntaxKind.ImportKeyword;
    const [given] = isImport ? call.arguments : [];
    return given && typescript.isStringLiteralLike(given) ? [given] : [];
  });
  return [...specifiersOf(source), ...called].map((literal) => ({
    specifier: literal.text,
    offset: literal.getStart(source),
  }));
}

function emitModule(
  program: ts.Program,
  source: ts.SourceFile,
  address: (text: string) => string | null,
): Emission {
  const output = { text: source.text, map: NO_MAP };
  program.emit(
    source,
    (name, text) => {
      if (name.endsWith('.map')) output.map = text;
      // The map is not written beside the module, so the module names none.
      else output.text = text.replace(/\n\/\/# sourceMappingURL=\S*\s*$/, '\n');
    },
    undefined,
    false,
    { after: [rewriteModule(address, source.fileName)] },
  );
  return output;
}

const isJavaScript = ({ fileName }: ts.SourceFile) => /\.[cm]?jsx?$/.test(fileName);
const isJson = ({ fileName }: ts.SourceFile) => fileName.endsWith('.json');

/** JavaScript without import or export: Node takes it from where it is for what it is, as CommonJS. */
export function staysInPlace({ fileName, statements }: ts.SourceFile): boolean {
  // Options may have TypeScript take all files for modules.
  return /\.c?jsx?$/.test(fileName) && !statements.some(isModuleStatement);
}

function isModuleStatement(statement: ts.Statement): boolean {
  return (
    typescript.isImportDeclaration(statement) ||
    typescript.isExportDeclaration(statement) ||
    typescript.isExportAssignment(statement) ||
    (typescript.canHaveModifiers(statement) &&
      !!typescript
        .getModifiers(statement)
        ?.some(({ kind }) => kind === typescript.SyntaxKind.ExportKeyword))
  );
}

/** A base name in characters that mean nothing in addresses. */
function plainName(path: string): string {
  const base = path.replace(/^.*\//s, '').replace(/\.[cm]?[jt]sx?$/, '');
  return base.replace(/[^\w-]/g, '_').slice(0, 60);
}
