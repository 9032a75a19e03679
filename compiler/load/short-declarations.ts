import { fileURLToPath } from 'node:url';
import type ts from 'typescript';
import { typescript } from './typescript.ts';

// Most of the time of a check is spent on declarations that a model never names: those of pages, which are three times as long as all
// others of the language, and those of this package that are not for models. So a model is checked without them first. Where that
// finds no fault there is none, for every name of the model was found, and means the same with more names around it; where it finds one,
// or where this cannot be said, all is checked with everything there is.

/** What modules of the package are called within the short declarations. Nothing else can be resolved by such a name. */
export const CLOSED_PREFIX = 'btc-compiler:';

/** What models are written with, in one file; it is made when the package is built, so sources have none. */
export const SHORT_DECLARATIONS: string | null = import.meta.url.endsWith('.ts')
  ? null
  : fileURLToPath(new URL('../short.d.ts', import.meta.url));

const OF_PAGES = /^lib\.(dom|webworker|scripthost)\b/;

/** The options without the declarations of pages; null where they name declarations of other packages, which may need them. */
export function withoutPages(options: ts.CompilerOptions): ts.CompilerOptions | null {
  const { lib, noLib, noCheck, types = [], emitDecoratorMetadata } = options;
  if (types.length > 0 || noCheck || emitDecoratorMetadata) return null;
  if (noLib) return options;
  const named = lib ?? [typescript.getDefaultLibFileName(options).replace('.full.', '.')];
  return { ...options, lib: named.filter((one) => !OF_PAGES.test(one)) };
}

/**
 * Whether a program says the same of its files as one with more declarations would, where it finds no error: they are modules that declare
 * nothing for others, in which an unknown name is an error that nothing hides.
 */
export function standsAlone(program: ts.Program, declarations: string): boolean {
  return program
    .getSourceFiles()
    .every(
      (file) =>
        program.isSourceFileDefaultLibrary(file) ||
        file.fileName === declarations ||
        file.fileName.endsWith('.json') ||
        (isTypeScript(file) && typescript.isExternalModule(file) && !hidesOrDeclares(file)),
    );
}

/** Files in node_modules may be TypeScript too, but their errors are not reported. */
const isTypeScript = ({ fileName, isDeclarationFile }: ts.SourceFile) =>
  !isDeclarationFile && /\.[cm]?tsx?$/.test(fileName) && !fileName.includes('/node_modules/');

function hidesOrDeclares({ text, statements }: ts.SourceFile): boolean {
  return (
    /@ts-|\bglobalThis\b/.test(text) ||
    statements.some(
      (one) =>
        typescript.isModuleDeclaration(one) &&
        (typescript.isStringLiteral(one.name) ||
          (one.flags & typescript.NodeFlags.GlobalAugmentation) !== 0),
    )
  );
}
