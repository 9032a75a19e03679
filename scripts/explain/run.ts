import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Diagnostic } from '../../compiler/index.ts';
import * as btc from '../../compiler/index.ts';
import { compileFiles } from '../../compiler/web/evaluate.ts';
import type { SourceFiles } from '../../compiler/web/modules.ts';
import { compileText } from '../../test/support/compile-text.ts';
import { createProject, type Project, SMALL_MODEL } from '../../test/support/project.ts';
import type { CommandExample, ExampleFile, ModelExample } from './example.ts';

/** What became of an example. */
export interface Outcome {
  /** Codes of all messages, in order. */
  readonly codes: readonly string[];
  /** As the command line prints the first of them. */
  readonly prints: string;
  readonly failed: boolean;
}

const START = 'export default ';

/** Builds a model that a page shows: its file, which imports the language and exports the model. */
export async function runModel(file: string, { options }: ModelExample): Promise<Outcome> {
  const start = file.indexOf(START) + START.length;
  const linesBefore = file.slice(0, start).split('\n').length - 1;
  const expression = file.slice(start).replace(/;\n$/, '');
  const { diagnostics, plan } = await compileText(expression, options);
  return outcome(diagnostics, plan === null, ({ line, column }) => ({
    line: line + linesBefore,
    column: line === 1 ? column + START.length : column,
  }));
}

type Place = Pick<NonNullable<Diagnostic['source']>, 'line' | 'column'>;

function outcome(
  diagnostics: readonly Diagnostic[],
  failed: boolean,
  place: (source: Place) => Place = (source) => source,
): Outcome {
  const [first] = diagnostics;
  const at = first?.source ? place(first.source) : null;
  const where = at ? `model.ts(${at.line},${at.column}): ` : '';
  return {
    codes: diagnostics.map(({ code }) => code),
    prints: first ? `${where}${first.category} ${first.code}: ${first.message}` : '',
    failed,
  };
}

/** `compileSource` without the worker of a page: what is in there, here. */
async function compileSource(files: SourceFiles) {
  const { built } = await compileFiles(
    { files, entry: 'model.ts', targets: ['wasm'], options: {} },
    (text) => `data:text/javascript,${encodeURIComponent(text)}`,
    () => {},
  );
  return built;
}

const CALLABLE = { ...btc, model: smallModel(), compileSource };

function smallModel() {
  return btc.defineModel({
    name: 'small',
    inputs: { x: btc.tensor([4, 3]), y: btc.tensor([4], 'i32') },
    build: ({ x }) => ({ logits: btc.linear(3, 2)(x) }),
    train: { loss: ({ logits }, { y }) => btc.crossEntropy(logits, y), optimizer: btc.sgd() },
  });
}

/** Runs the body of a function over what the package exports. */
export async function runCall(text: string): Promise<Outcome> {
  const AsyncFunction = (async () => {}).constructor as new (
    ...texts: string[]
  ) => (...values: unknown[]) => Promise<{ diagnostics: readonly Diagnostic[] }>;
  const { diagnostics } = await new AsyncFunction(...Object.keys(CALLABLE), text)(
    ...Object.values(CALLABLE),
  );
  return outcome(
    diagnostics,
    diagnostics.some(({ category }) => category === 'error'),
  );
}

/** A folder as commands of examples find it. */
export function exampleFolder(): Project {
  const project = createProject();
  project.write('model.ts', SMALL_MODEL);
  const { code, stdout } = project.btc('build', 'model.ts', '--no-pretty');
  if (code !== 0) throw new Error(stdout);
  return project;
}

const bytesOf = (file: ExampleFile) => (typeof file === 'string' ? file : file.bytes());

/** Runs a command with the files that it wants; they are not there for the next one. */
export function runCommand(
  project: Project,
  { command, files = {}, ownProcess }: CommandExample,
): Outcome {
  for (const [name, file] of Object.entries(files)) {
    mkdirSync(dirname(join(project.folder, name)), { recursive: true });
    writeFileSync(join(project.folder, name), bytesOf(file));
  }
  try {
    const { code, stdout, stderr } = project[ownProcess ? 'btcProcess' : 'btc'](
      ...wordsOf(command),
    );
    const text = `${stdout}\n${stderr}`;
    const lines = text.split('\n').filter((line) => /(error|warning) BTC\d+: /.test(line));
    return {
      codes: lines.map((line) => /BTC\d+/.exec(line)![0]),
      prints: (lines[0] ?? '').replaceAll(`${project.folder}/`, ''),
      failed: code !== 0,
    };
  } finally {
    for (const name of Object.keys(files)) rmSync(join(project.folder, name), { force: true });
  }
}

/** The words of a command line; those with spaces are in double quotes. */
export function wordsOf(command: string): string[] {
  return Array.from(command.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, plain]) => quoted ?? plain);
}
