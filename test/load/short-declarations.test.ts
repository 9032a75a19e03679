import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DISK } from '../../dist/compiler/load/disk.js';
import { createParsedFiles, type ParsedFiles } from '../../dist/compiler/load/parsed-files.js';
import { createModelProgram, readConfiguration } from '../../dist/compiler/load/program.js';
import { plainDiagnostic } from '../../dist/compiler/load/typescript-diagnostics.js';
import { ROOT } from '../support/btc.ts';

const BUILT = join(ROOT, 'dist/compiler/short.d.ts');

let folder: string;
const at = (name: string) => join(folder, name);
const write = (name: string, text: string) => {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'short-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** TypeScript's declarations and btc's, parsed once for each configuration: models are in a folder of their own each time. */
const parsed = new Map<string, ParsedFiles>();

function check(short: string | null) {
  const { options } = readConfiguration(at('model.ts'), undefined, DISK);
  const key = JSON.stringify(options, (_, value) =>
    typeof value === 'string' ? value.replaceAll(folder, '') : value,
  );
  if (!parsed.has(key)) parsed.set(key, createParsedFiles());
  const { program, diagnostics } = createModelProgram(
    ...([at('model.ts'), options!, DISK, parsed.get(key)!, short] as const),
  );
  return {
    diagnostics: diagnostics.map(plainDiagnostic),
    files: program.getSourceFiles().map(({ fileName }) => fileName),
  };
}

const USE = "import { tensor } from 'btc-compiler';\nexport default tensor([2]);\n";

describe('a model without fault is checked under few declarations', () => {
  const sound: Readonly<Record<string, () => void>> = {
    'where nothing is configured': () => write('model.ts', USE),
    'where pages are': () => {
      write('tsconfig.json', '{ "compilerOptions": { "lib": ["es2022", "dom"] } }');
      write('model.ts', USE);
    },
    'of several files': () => {
      write(
        'model.ts',
        "export { default } from './inner/net';\nimport sizes from './sizes.json';\nexport { sizes };",
      );
      write('inner/net.ts', USE);
      write('sizes.json', '{ "width": 3 }');
    },
  };
  test.each(Object.entries(sound))('%s', (_, make) => {
    make();
    const { files, diagnostics } = check(BUILT);
    expect(diagnostics).toEqual([]);
    expect(files).toContain(BUILT);
    expect(files.filter((file) => /lib\.dom|compiler\/index/.test(file))).toEqual([]);
  });
});

describe('all declarations are there, and say what they say', () => {
  const cases: Readonly<Record<string, () => void>> = {
    'where a model names what pages have': () =>
      write('model.ts', `${USE}export const of: string = document.title;`),
    'where it has an error': () =>
      write('model.ts', `${USE}export const of: string = tensor([2]);`),
    'where it imports what is not for models': () =>
      write('model.ts', `${USE}import { planGraph } from 'btc-compiler';\nplanGraph(1);`),
    'where errors are hidden': () =>
      write(
        'model.ts',
        `${USE}// @ts-ignore\nconst own = document;\nexport const of: string = own;`,
      ),
    'where an error is expected': () =>
      write('model.ts', `${USE}// @ts-expect-error\nexport const of = document;`),
    'where it goes by globalThis, which may be anything': () => {
      write('tsconfig.json', '{ "compilerOptions": { "strict": false } }');
      write('model.ts', `${USE}export const of: string = globalThis.document;`);
    },
    'where it declares what pages have in another way': () =>
      write('model.ts', `${USE}declare global { var document: string }`),
    'where a file is no module': () => {
      write('model.ts', `import './script';\n${USE}`);
      write('script.ts', 'var document = 1;');
    },
    'where a file is JavaScript': () => {
      write('model.ts', `import { own } from './own.js';\n${USE}export const of: string = own;`);
      write('own.js', 'export const own = document;');
    },
    'where an installed package names what pages have': () => {
      write('node_modules/own/package.json', '{ "name": "own", "types": "own.d.ts" }');
      write('node_modules/own/own.d.ts', 'export const own: Document;');
      write('model.ts', `import { own } from 'own';\n${USE}export const of: string = own;`);
    },
    'where an installed package is TypeScript': () => {
      write('node_modules/own/package.json', '{ "name": "own", "exports": "./own.ts" }');
      write('node_modules/own/own.ts', 'export const own = document;');
      write('model.ts', `import { own } from 'own';\n${USE}export const of: string = own;`);
    },
    'where the configuration names types': () => {
      write('tsconfig.json', '{ "compilerOptions": { "types": ["own"] } }');
      write('node_modules/@types/own/index.d.ts', 'declare var own: Document;');
      write('model.ts', `${USE}export const of: string = own;`);
    },
    'where nothing is there': () => {},
  };
  test.each(Object.entries(cases))('%s', (_, make) => {
    make();
    const found = check(BUILT);
    expect(found).toEqual(check(null));
    expect(found.files).not.toContain(BUILT);
  });

  test('where another btc-compiler is installed', () => {
    write('node_modules/btc-compiler/package.json', '{ "types": "index.d.ts" }');
    write('node_modules/btc-compiler/index.d.ts', 'export declare function tensor(of: string): 1;');
    write('model.ts', USE);
    const found = check(BUILT);
    expect(found.diagnostics.map(({ code }) => code)).toEqual(['TS2345']);
    expect(found).toEqual(check(null));
  });
});

describe('the short declarations', () => {
  const program = (files: readonly string[]) =>
    ts.createProgram({
      rootNames: files,
      options: {
        ...{ strict: true, skipLibCheck: false, types: [], noEmit: true },
        lib: ['lib.es2022.d.ts'],
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        moduleResolution: ts.ModuleResolutionKind.Bundler,
      },
    });

  test('have no error and need nothing of pages', () => {
    expect(
      ts.getPreEmitDiagnostics(program([BUILT])).map(({ messageText }) => messageText),
    ).toEqual([]);
  });

  test('export what the language does', () => {
    const language = join(ROOT, 'dist/compiler/language.d.ts');
    const made = program([BUILT, language]);
    const checker = made.getTypeChecker();
    const [ambient] = checker.getAmbientModules().filter(({ name }) => name === '"btc-compiler"');
    const names = (symbol: ts.Symbol) =>
      checker
        .getExportsOfModule(symbol)
        .map(({ name }) => name)
        .sort();
    const own = checker.getSymbolAtLocation(made.getSourceFile(language)!)!;
    expect(names(ambient)).toEqual(names(own));
  });
});
