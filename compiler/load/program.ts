import { dirname, parse, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A model file and all that it imports, parsed and type-checked. */
export interface ModelProgram {
  readonly program: ts.Program;
  readonly entry: ts.SourceFile | null;
  /** TypeScript's own diagnostics, configuration included. */
  readonly diagnostics: readonly ts.Diagnostic[];
  readonly host: ts.CompilerHost;
}

const DEFAULTS: ts.CompilerOptions = { strict: true, skipLibCheck: true, types: [] };

/**
 * What the loader needs whatever the project's configuration says: modules that Node can import, and source maps. Bundler
 * resolution takes `./layers`, `./layers.js` and `./layers.ts` alike.
 */
const REQUIRED: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ES2022,
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
  rewriteRelativeImportExtensions: true,
  allowJs: true,
  resolveJsonModule: true,
  // Nothing is written there, but TypeScript emits no JavaScript file in its own place.
  outDir: '/btc-emit',
  rootDir: parse(process.cwd()).root,
  tsBuildInfoFile: undefined,
};

/** The declarations of this very compiler, for projects that have not installed it where TypeScript would look. */
const OWN_ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.d.ts', import.meta.url),
);

export const OWN_PACKAGE = 'btc-compiler';

/** Parses and checks a model file with the TypeScript compiler, under the nearest tsconfig.json or the one given. */
export function createModelProgram(file: string, project?: string): ModelProgram {
  const path = resolve(file);
  const { options, diagnostics: configuration } = readConfiguration(path, project);
  const host = ts.createCompilerHost(options);
  const cache = ts.createModuleResolutionCache(host.getCurrentDirectory(), (name) => name, options);
  host.resolveModuleNameLiterals = (literals, containingFile, redirected, compilerOptions) =>
    literals.map((literal) => {
      const found = ts.resolveModuleName(
        literal.text,
        containingFile,
        compilerOptions,
        host,
        cache,
        redirected,
      );
      if (found.resolvedModule || literal.text !== OWN_PACKAGE) return found;
      const extension = OWN_ENTRY.endsWith('.d.ts') ? ts.Extension.Dts : ts.Extension.Ts;
      return {
        ...found,
        resolvedModule: { resolvedFileName: OWN_ENTRY, extension, isExternalLibraryImport: true },
      };
    });
  const program = ts.createProgram([path], options, host);
  return {
    program,
    entry: program.getSourceFile(path) ?? null,
    diagnostics: [...configuration, ...ts.getPreEmitDiagnostics(program)],
    host,
  };
}

function readConfiguration(
  path: string,
  project: string | undefined,
): { options: ts.CompilerOptions; diagnostics: readonly ts.Diagnostic[] } {
  const folder =
    project && ts.sys.directoryExists(project) ? resolve(project, 'tsconfig.json') : project;
  const config = folder ?? ts.findConfigFile(dirname(path), ts.sys.fileExists);
  if (!config) return { options: { ...DEFAULTS, ...REQUIRED }, diagnostics: [] };
  const diagnostics: ts.Diagnostic[] = [];
  const host: ts.ParseConfigFileHost = {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => diagnostics.push(diagnostic),
  };
  const parsed = ts.getParsedCommandLineOfConfigFile(config, {}, host);
  // "No inputs were found" is about `include`, which the command line's files replace.
  const NO_INPUTS = 18003;
  diagnostics.push(...(parsed?.errors ?? []).filter(({ code }) => code !== NO_INPUTS));
  return { options: { ...parsed?.options, skipLibCheck: true, ...REQUIRED }, diagnostics };
}

/** Files that are the user's own: not declarations, not libraries. */
export function userFiles(program: ts.Program): ts.SourceFile[] {
  return program
    .getSourceFiles()
    .filter(
      (file) =>
        !file.isDeclarationFile &&
        !program.isSourceFileFromExternalLibrary(file) &&
        !file.fileName.includes('/node_modules/'),
    );
}
