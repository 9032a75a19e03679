import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startEditor } from '../../test/editor/client.ts';
import { ROOT } from '../../test/support/btc.ts';
import { createProject, type Project, SMALL_MODEL } from '../../test/support/project.ts';
import type { CommandExample, EditorExample, ExampleFile, ModelExample } from './example.ts';
import { flagsOf } from './pages.ts';

/** What became of an example. */
export interface Outcome {
  /** Codes of btc's messages, in order. */
  readonly codes: readonly string[];
  /** As the command line prints them. */
  readonly lines: readonly string[];
  /** What TypeScript says, as tsc prints it. */
  readonly typeErrors: readonly string[];
  readonly failed: boolean;
}

const MESSAGE = /\b(?:error|warning) (BTC\d+): /;
const TYPE_ERROR = /\berror TS\d+: /;

/** What a command has printed, with addresses left out. */
function outcomeOf(text: string, failed: boolean): Outcome {
  const printed = text.split('\n').map((line) => line.replace(/ \(btc explain \d+\)$/, ''));
  const lines = printed.filter((line) => MESSAGE.test(line));
  return {
    codes: lines.map((line) => MESSAGE.exec(line)![1]),
    lines,
    typeErrors: printed.filter((line) => TYPE_ERROR.test(line)),
    failed,
  };
}

/** Builds a model that a page shows, by the command that the page shows. The folder is for this alone. */
export function runModel(project: Project, file: string, { options }: ModelExample): Outcome {
  project.write('model.ts', file);
  const flags = options ? flagsOf(options).split(' ') : [];
  const { code, stdout, stderr } = project.btc('build', 'model.ts', '--noEmit', ...flags);
  return outcomeOf(`${stdout}\n${stderr}`, code !== 0);
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
export async function runCommand(project: Project, example: CommandExample): Promise<Outcome> {
  const { files = {}, where } = example;
  for (const [name, file] of Object.entries(files)) {
    mkdirSync(dirname(join(project.folder, name)), { recursive: true });
    writeFileSync(join(project.folder, name), bytesOf(file));
  }
  const { env = {}, undo } = (await where?.arrange()) ?? {};
  try {
    const { code, stdout, stderr } =
      where || example.ownProcess ? inShell(project, example, env) : inProcess(project, example);
    return outcomeOf(`${stdout}\n${stderr}`.replaceAll(`${project.folder}/`, ''), code !== 0);
  } finally {
    await undo?.();
    for (const name of Object.keys(files)) rmSync(join(project.folder, name), { force: true });
  }
}

const inProcess = (project: Project, { command }: CommandExample) =>
  project.btc(...wordsOf(command));

function inShell(
  { folder }: Project,
  { command, before = '' }: CommandExample,
  env: Readonly<Record<string, string>>,
) {
  const main = join(ROOT, 'dist/compiler/cli/main.js');
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', `${before} "${process.execPath}" "${main}" ${command}`],
    {
      ...{ cwd: folder, encoding: 'utf8', timeout: 100_000 },
      env: { ...inherited, NO_COLOR: '1', TMPDIR: folder, ...env },
    },
  );
  return { code: status, stdout, stderr };
}

/** The words of a command line; those with spaces are in double quotes. */
export function wordsOf(command: string): string[] {
  return Array.from(command.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, plain]) => quoted ?? plain);
}

/** Opens a model in an editor and waits for what is shown at it. */
export async function runEditor(
  { folder }: Project,
  file: string,
  { settings }: EditorExample,
): Promise<Outcome> {
  const editor = await startEditor(join(ROOT, 'dist/compiler/cli/main.js'), {
    cwd: folder,
    initializationOptions: settings,
  });
  try {
    const path = join(folder, 'model.ts');
    writeFileSync(path, file);
    editor.open(path, file);
    const { diagnostics } = await editor.shown(path, ({ diagnostics }) => diagnostics.length > 0);
    const shown = diagnostics.map(({ code, message }) => `error ${code}: ${message}`);
    return outcomeOf(shown.join('\n').replaceAll(`${folder}/`, ''), true);
  } finally {
    await editor.end();
  }
}
