import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Diagnostic } from '../../compiler/index.ts';
import * as btc from '../../compiler/index.ts';
import { createProject, SMALL_MODEL } from '../../test/support/project.ts';
import { openWebPage, type WebPage } from '../../test/support/web-page.ts';
import type { Outcome } from './run.ts';

/** The module beside `model.ts`, as an asynchronous function of `require` that gives its diagnostics. */
function bodyOf(file: string): string {
  const { outputText } = ts.transpileModule(file, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  return `const exports = {};\n${outputText}\nreturn diagnostics;`;
}

type Require = (name: string) => unknown;

function evaluated(file: string, require: Require): Promise<readonly Diagnostic[]> {
  const AsyncFunction = (async () => {}).constructor as new (
    ...texts: string[]
  ) => (require: Require) => Promise<readonly Diagnostic[]>;
  return new AsyncFunction('require', bodyOf(file))(require);
}

function smallModel() {
  return btc.defineModel({
    name: 'small',
    inputs: { x: btc.tensor([4, 3]), y: btc.tensor([4], 'i32') },
    build: ({ x }) => ({ logits: btc.linear(3, 2)(x) }),
    train: { loss: ({ logits }, { y }) => btc.crossEntropy(logits, y), optimizer: btc.sgd() },
  });
}

const isOfPage = (file: string) => file.includes("'btc-compiler/web'");

let opened: Promise<WebPage> | null = null;

/** Runs a module: in Node, or in a browser where it imports `btc-compiler/web`. */
export async function runCall(file: string, typeErrors: readonly string[]): Promise<Outcome> {
  const diagnostics = isOfPage(file)
    ? await inPage(file)
    : await evaluated(file, (name) =>
        name === 'btc-compiler' ? btc : { __esModule: true, default: smallModel() },
      );
  return {
    codes: diagnostics.map(({ code }) => code),
    lines: diagnostics.map(printed),
    typeErrors,
    failed: diagnostics.some(({ category }) => category === 'error'),
  };
}

async function inPage(file: string): Promise<readonly Diagnostic[]> {
  opened ??= openWebPage();
  const { page } = await opened;
  return page.evaluate(`(async (require) => {${bodyOf(file)}})(() => btc.web)`) as Promise<
    readonly Diagnostic[]
  >;
}

/** Closes the browser where one was needed. */
export async function endCalls(): Promise<void> {
  await (await opened)?.close();
  opened = null;
}

function printed({ category, code, message, source }: Diagnostic): string {
  const where = source ? `model.ts(${source.line},${source.column}): ` : '';
  return `${where}${category} ${code}: ${message}`;
}

/** What TypeScript says of modules, by their text, and of the models that they give to `compileSource`. */
export async function typeErrorsOf(
  files: readonly string[],
): Promise<ReadonlyMap<string, { readonly own: string[]; readonly given: string[] }>> {
  const project = createProject();
  try {
    const found = new Map(
      files.map((file) => [file, { own: [] as string[], given: [] as string[] }]),
    );
    project.write('package.json', '{ "type": "module" }');
    const owners = new Map<string, string[]>();
    const write = (name: string, text: string, list: string[]) => {
      const path = join(project.folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      owners.set(path, list);
    };
    for (const [k, file] of files.entries()) {
      const { own, given } = found.get(file)!;
      write(`${k}/script.ts`, file, own);
      write(`${k}/model.ts`, SMALL_MODEL, own);
      for (const [name, text] of Object.entries(await givenFiles(file)))
        write(`${k}/given/${name}`, text, given);
    }
    const program = ts.createProgram([...owners.keys()], {
      ...{ module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, strict: true },
      ...{ lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'], types: [], noEmit: true },
      ...{ skipLibCheck: true, allowImportingTsExtensions: true },
      moduleDetection: ts.ModuleDetectionKind.Force,
    });
    for (const diagnostic of ts.getPreEmitDiagnostics(program)) {
      const path = diagnostic.file?.fileName ?? '';
      owners.get(path)?.push(formatted(diagnostic));
    }
    return found;
  } finally {
    project.remove();
  }
}

/** As tsc prints it. */
function formatted(diagnostic: ts.Diagnostic): string {
  return ts
    .formatDiagnostic(diagnostic, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => dirname(diagnostic.file!.fileName),
      getNewLine: () => '\n',
    })
    .trimEnd()
    .split('\n')[0];
}

/** The files that a module gives to `compileSource`; none where it does not call it. */
async function givenFiles(file: string): Promise<Readonly<Record<string, string>>> {
  if (!isOfPage(file)) return {};
  let given: Readonly<Record<string, string>> = {};
  await evaluated(file, () => ({
    compileSource(files: typeof given) {
      given = files;
      return { diagnostics: [] };
    },
  }));
  return given;
}
