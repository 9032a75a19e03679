import { dirname, parse, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type ts from 'typescript';
import { append } from '../../ir/lists.ts';
import { decodedText, type FileSystem } from './disk.ts';
import { OWN_PACKAGE } from './own-module.ts';
import type { ParsedFiles } from './parsed-files.ts';
import {
  CLOSED_PREFIX,
  SHORT_DECLARATIONS,
  standsAlone,
  withoutPages,
} from './short-declarations.ts';
import { typescript } from './typescript.ts';

/** A model file and all that it imports, parsed and type-checked. */
export interface ModelProgram {
  readonly program: ts.Program;
  readonly entry: ts.SourceFile | null;
  /** TypeScript's own diagnostics, those of the configuration file aside. */
  readonly diagnostics: readonly ts.Diagnostic[];
  readonly host: ts.CompilerHost;
  /** Where imports that did not resolve were looked for. */
  readonly missing: readonly string[];
}

/** What a model is checked under. */
export interface Configuration {
  /** Null when the configuration file cannot be read. */
  readonly options: ts.CompilerOptions | null;
  readonly diagnostics: readonly ts.Diagnostic[];
  readonly file: string | null;
}

const DEFAULTS: ts.CompilerOptions = { strict: true, skipLibCheck: true, types: [] };

/**
 * What the loader needs whatever the project's configuration says: modules that Node can import, and source maps. Bundler
 * resolution takes `./layers`, `./layers.js` and `./layers.ts` alike. Specifiers are the emitter's to rewrite: TypeScript would
 * rewrite relative ones only, and refuse those that `paths` leads to a `.ts` file.
 */
const REQUIRED: ts.CompilerOptions = {
  module: typescript.ModuleKind.ESNext,
  moduleResolution: typescript.ModuleResolutionKind.Bundler,
  target: typescript.ScriptTarget.ES2022,
  noEmit: false,
  noEmitOnError: false,
  emitDeclarationOnly: false,
  declaration: false,
  declarationMap: false,
  composite: false,
  incremental: false,
  sourceMap: true,
  inlineSourceMap: false,
  inlineSources: false,
  removeComments: false,
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: false,
  allowJs: true,
  resolveJsonModule: true,
  // Nothing is written there, but TypeScript emits no JavaScript file in its own place.
  outDir: '/btc-emit',
  rootDir: parse(process.cwd()).root,
  tsBuildInfoFile: undefined,
};

/** Of a file that no configuration is about. */
export const DEFAULT_OPTIONS: ts.CompilerOptions = { ...DEFAULTS, ...REQUIRED };

/** "allowImportingTsExtensions" without its own rewriting of specifiers. */
const EXTENSIONS_NOT_REWRITTEN = 5096;

/** The declarations of this very compiler, for projects that have not installed it where TypeScript would look. */
const OWN_ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.d.ts', import.meta.url),
);

const OWN_DECLARATIONS: ts.ResolvedModuleFull = {
  resolvedFileName: OWN_ENTRY,
  extension: OWN_ENTRY.endsWith('.d.ts') ? typescript.Extension.Dts : typescript.Extension.Ts,
  isExternalLibraryImport: true,
};

/**
 * Parses and checks a model file with the TypeScript compiler: under `short` declarations of this package first, where there are any.
 * Files that `parsed` has are not parsed again.
 */
export function createModelProgram(
  file: string,
  options: ts.CompilerOptions,
  disk: FileSystem,
  parsed: ParsedFiles,
  short: string | null = SHORT_DECLARATIONS,
): ModelProgram {
  const sound = short === null ? null : shortProgram(file, options, disk, parsed, short);
  if (sound) return sound;
  const made = programOf(file, options, disk, parsed, () => true);
  return {
    ...made,
    // An installed package is not the user's to mend, though it be TypeScript.
    diagnostics: diagnosticsOf(made.program).filter(
      ({ file }) => !file?.fileName.includes('/node_modules/'),
    ),
  };
}

/** The program under short declarations; null where these find an error, or do not suffice to say that there is none. */
function shortProgram(
  file: string,
  options: ts.CompilerOptions,
  disk: FileSystem,
  parsed: ParsedFiles,
  declarations: string,
): ModelProgram | null {
  const fewer = withoutPages(options);
  if (!fewer) return null;
  const made = programOf(file, fewer, disk, parsed, () => true, declarations);
  if (!made.entry || !standsAlone(made.program, declarations)) return null;
  return diagnosticsOf(made.program).length === 0 ? { ...made, diagnostics: [] } : null;
}

const diagnosticsOf = (program: ts.Program) =>
  typescript.getPreEmitDiagnostics(program).filter(({ code }) => code !== EXTENSIONS_NOT_REWRITTEN);

/**
 * The same without types: no declaration is read and nothing is checked. Diagnostics are those of the syntax. What it emits is what
 * the checked program does, but that no error of a type is found.
 */
export function parseModelProgram(
  file: string,
  options: ts.CompilerOptions,
  disk: FileSystem,
  parsed: ParsedFiles,
): ModelProgram {
  const unchecked = { ...options, noCheck: true, noLib: true, types: [], skipLibCheck: true };
  const made = programOf(file, unchecked, disk, parsed, ({ resolvedFileName }) =>
    /\.json$|(?<!\.d(\.[^./]+)?)\.[cm]?[jt]sx?$/.test(resolvedFileName),
  );
  return { ...made, diagnostics: made.program.getSyntacticDiagnostics() };
}

function programOf(
  file: string,
  options: ts.CompilerOptions,
  disk: FileSystem,
  parsed: ParsedFiles,
  isRead: (module: ts.ResolvedModuleFull) => boolean,
  short: string | null = null,
): Omit<ModelProgram, 'diagnostics'> {
  const path = resolve(file);
  const host = createHost(options, disk, parsed);
  const missing = resolveImports(host, options, isRead, short);
  const program = typescript.createProgram([path], options, host);
  return { program, entry: program.getSourceFile(path) ?? null, host, missing: [...missing] };
}

/** A host of TypeScript's that sees the file system through `disk`. */
function createHost(
  options: ts.CompilerOptions,
  disk: FileSystem,
  parsed: ParsedFiles,
): ts.CompilerHost {
  const host: ts.CompilerHost = {
    ...typescript.createCompilerHost(options),
    ...systemOf(disk),
    // As tsc: comments are parsed where errors depend on them.
    jsDocParsingMode: typescript.JSDocParsingMode.ParseForTypeErrors,
  };
  host.getSourceFile = (name, languageVersion) => {
    const text = host.readFile(name);
    if (text === undefined) return undefined;
    const version = typeof languageVersion === 'object' ? languageVersion : { languageVersion };
    return parsed.file(name, text, { ...version, jsDocParsingMode: host.jsDocParsingMode! });
  };
  return host;
}

/** The questions of TypeScript's system that a file system answers. */
function systemOf(disk: FileSystem) {
  return {
    fileExists: disk.fileExists,
    directoryExists: disk.directoryExists,
    realpath: disk.realpath,
    getDirectories: disk.getDirectories,
    readFile(path: string) {
      const bytes = disk.readBytes(path);
      return bytes ? decodedText(bytes) : undefined;
    },
  };
}

/**
 * Lets the host find btc's own declarations wherever the project is, the `short` ones where these are given, and leaves out what is
 * not to be read; gives where it looked for what it will not find.
 */
function resolveImports(
  host: ts.CompilerHost,
  options: ts.CompilerOptions,
  isRead: (module: ts.ResolvedModuleFull) => boolean,
  short: string | null,
): ReadonlySet<string> {
  const standsFor = short === null ? null : { ...OWN_DECLARATIONS, resolvedFileName: short };
  const missing = new Set<string>();
  const cache = typescript.createModuleResolutionCache(
    host.getCurrentDirectory(),
    (name) => name,
    options,
  );
  host.resolveModuleNameLiterals = (literals, containingFile, redirected, compilerOptions) =>
    literals.map((literal) => {
      // Of short declarations: the checker finds these modules by their names.
      if (literal.text.startsWith(CLOSED_PREFIX)) return { resolvedModule: undefined };
      const found = typescript.resolveModuleName(
        literal.text,
        containingFile,
        compilerOptions,
        host,
        cache,
        redirected,
      );
      const module =
        found.resolvedModule ?? (literal.text === OWN_PACKAGE ? OWN_DECLARATIONS : undefined);
      if (module) {
        const isOwn = module === OWN_DECLARATIONS;
        if (standsFor && literal.text === OWN_PACKAGE && module.resolvedFileName === OWN_ENTRY)
          return { resolvedModule: standsFor };
        const resolvedModule = isOwn ? module : asSource(module);
        return { ...found, resolvedModule: isRead(module) ? resolvedModule : undefined };
      }
      // A field that TypeScript's own watch goes by, though its declarations leave it out.
      const { failedLookupLocations = [] } = found as {
        failedLookupLocations?: readonly string[];
      };
      for (const place of failedLookupLocations) missing.add(place);
      return found;
    });
  return missing;
}

/**
 * A package may be TypeScript as it was written: one of the same workspace, whose `exports` name `.ts` files. Node cannot
 * import those and TypeScript would not emit them, so they are the model's own files, wherever they lie.
 */
function asSource(module: ts.ResolvedModuleFull): ts.ResolvedModuleFull {
  return isSource(module.resolvedFileName)
    ? { ...module, isExternalLibraryImport: false, packageId: undefined }
    : module;
}

function isSource(file: string): boolean {
  return /\.[cm]?tsx?$/.test(file) && !/\.d\.([^./]+\.)?[cm]?ts$/.test(file);
}

/** The nearest tsconfig.json above the file, or the one given, with what the loader needs on top. */
export function readConfiguration(
  file: string,
  project: string | undefined,
  disk: FileSystem,
): Configuration {
  const folder =
    project && disk.directoryExists(project) ? resolve(project, 'tsconfig.json') : project;
  const config = folder ?? typescript.findConfigFile(dirname(resolve(file)), disk.fileExists);
  if (!config) return { options: DEFAULT_OPTIONS, diagnostics: [], file: null };
  const diagnostics: ts.Diagnostic[] = [];
  const host: ts.ParseConfigFileHost = {
    ...typescript.sys,
    ...systemOf(disk),
    // What the configuration includes is none of ours: the command line names the file.
    readDirectory: () => [],
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => diagnostics.push(diagnostic),
  };
  const parsed = typescript.getParsedCommandLineOfConfigFile(config, {}, host);
  if (!parsed) return { options: null, diagnostics, file: config };
  // "No inputs were found" is about `include`.
  const NO_INPUTS = 18003;
  append(
    diagnostics,
    parsed.errors.filter(({ code }) => code !== NO_INPUTS),
  );
  return {
    options: { ...parsed.options, skipLibCheck: true, ...REQUIRED },
    diagnostics,
    file: config,
  };
}

/** Files that are the user's own: the entry, and what it imports that is neither a declaration nor a library. */
export function userFiles({ program, entry }: ModelProgram): ts.SourceFile[] {
  return program
    .getSourceFiles()
    .filter(
      (file) =>
        file === entry ||
        (!file.isDeclarationFile &&
          !program.isSourceFileFromExternalLibrary(file) &&
          (isSource(file.fileName) || !file.fileName.includes('/node_modules/'))),
    );
}
