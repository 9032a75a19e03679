import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Command, CommanderError } from 'commander';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UsageError } from '../compiler/cli/usage.ts';
import { MESSAGES, type MessageNumber } from '../compiler/diagnostics.ts';
import * as language from '../compiler/index.ts';
import { PLAN_VERSION, versionsRead } from '../ir/plan-version.ts';
import * as runtime from '../runtime/index.ts';
import { ROOT } from './support/btc.ts';
import {
  blocksOf,
  type CodeBlock,
  codeBlocks,
  commentBlocks,
  inlineCommands,
  pages,
  sources,
} from './support/code-blocks.ts';
import { createProject, type Project, SMALL_MODEL } from './support/project.ts';

// Every block of code that a reader is shown, on a page or in the documentation of a function, is held by a test: TypeScript and JavaScript
// by their types, commands by the command line's own parser, messages by the table of messages. test/docs.test.ts runs the pages that are
// whole projects.

const BLOCKS = [...pages().flatMap(codeBlocks), ...sources().flatMap(commentBlocks)];
const name = ({ page, line }: CodeBlock) => `${page}:${line}`;
const inLanguage = (...languages: readonly string[]) =>
  BLOCKS.filter((block) => languages.includes(block.language));

/** Blocks without a language that are no commands and no messages, by their first words; what holds them. */
const PICTURES: Readonly<Record<string, readonly (readonly [start: string, is: string])[]>> = {
  'ARCHITECTURE.md': [
    ['model.ts ──trace──▶', 'the representations'],
    ['ir/     ', 'the folders, which test/architecture.test.ts holds'],
  ],
  'docs/extending/target.md': [['if (…) {', 'what the dialect of a shading language prints']],
  'docs/extending/testing.md': [['=== a chain of matrices', 'a text case, as test/cases holds']],
  'docs/plan-format.md': [['version: the plan is of version', 'test/ir/plan-version.test.ts']],
  'docs/wasm.md': [['Cross-Origin-Opener-Policy', 'headers of a server']],
  'ir/graph-text.ts': [['graph train {', 'a text of a graph: test/ir parses it']],
};

/** Settings of other programs, in languages of theirs, that start this command of btc's. */
const SETTINGS: Readonly<Record<string, { readonly page: string; readonly command: RegExp }>> = {
  elisp: { page: 'docs/editor.md', command: /\("npx" "btc-compiler" "lsp"\)/ },
  lua: { page: 'docs/editor.md', command: /\{ 'npx', 'btc-compiler', 'lsp' \}/ },
  toml: { page: 'docs/editor.md', command: /"npx"\nargs = \["btc-compiler", "lsp"\]/ },
};

test('languages are those that are checked', () => {
  const others = BLOCKS.filter(
    ({ language }) => !['ts', 'js', 'json', 'html', 'sh', 'text', ''].includes(language),
  ).filter(({ language, page, text }) => {
    const known = SETTINGS[language];
    return known?.page !== page || !known.command.test(text);
  });
  expect(others.map(name)).toEqual([]);
});

describe('TypeScript and JavaScript', () => {
  /** What a fragment has from the text around it, by name. */
  const GIVEN: Readonly<Record<string, string>> = {
    GPUBufferUsage: "const GPUBufferUsage: Record<'STORAGE' | 'COPY_SRC' | 'COPY_DST', number>",
    addresses: 'const addresses: Record<string, string>',
    adapted:
      "const adapted: (tokens: import('btc-compiler').Tensor) => import('btc-compiler').Tensor",
    bar: 'const bar: { update(share: number): void }',
    batch: 'const batch: any',
    batches: 'const batches: { images: Float32Array; labels: Int32Array }[]',
    bytes: 'const bytes: Uint8Array',
    device: 'const device: GPUDevice',
    gpu: 'const gpu: GPU',
    image: 'const image: Float32Array',
    imageBuffer: 'const imageBuffer: GPUBuffer',
    frames: 'const frames: GPUBuffer',
    inputs: "const inputs: Record<string, import('btc-compiler/runtime').RunInput>",
    k: 'const k: number',
    keys: "const keys: import('btc-compiler').Tensor",
    label: 'const label: Int32Array',
    labelBuffer: 'const labelBuffer: GPUBuffer',
    labels: 'const labels: GPUBuffer',
    logitsBuffer: 'const logitsBuffer: GPUBuffer',
    lossArray: 'const lossArray: Float32Array',
    model: "const model: import('btc-compiler').ModelSource",
    module: 'const module: Uint8Array',
    parameters: 'const parameters: Uint8Array',
    plan: "const plan: import('btc-compiler/ir').Plan",
    queries: "const queries: import('btc-compiler').Tensor",
    reopen: 'const reopen: () => Promise<void>',
    size: 'const size: number',
    session: "const session: import('btc-compiler/runtime').Session",
    text: 'const text: string',
  };

  /** Models that blocks load: of a page's own block, or the small one, by the folder that it is built into. */
  const SMALL: Readonly<Record<string, string>> = {
    'docs/budgets.md': 'out',
    'docs/bundlers.md': 'model',
    'docs/onnx.md': 'out',
  };

  /** Names of GIVEN that are something else where nothing declares them: in a page, or in Node. */
  const GLOBAL = ['frames', 'module'];

  /** Scripts that test/docs.test.ts runs, and that say too little of their types to be checked by them. */
  const RUN_ELSEWHERE = ['docs/fine-tuning.md page.mjs', 'docs/pytorch.md exchange.mjs'];

  let project: Project;
  const folderOf = (page: string) => page.replace(/\W/g, '_');
  const fileOf = ({ page, line, language, file }: CodeBlock) =>
    `${folderOf(page)}/${file ?? `block${line}.${language}`}`;
  const isModel = ({ language, file, text }: CodeBlock) =>
    language === 'ts' && (file === 'model.ts' || text.startsWith('// model.ts'));
  const checked = inLanguage('ts', 'js').filter(
    ({ page, file }) => !RUN_ELSEWHERE.includes(`${page} ${file}`),
  );

  beforeAll(() => {
    project = createProject();
    project.write('package.json', '{ "type": "module" }');
    for (const block of checked.filter(isModel)) {
      const model = `${folderOf(block.page)}/model.ts`;
      project.write(model, block.text);
      build(model, `${folderOf(block.page)}/out`);
    }
    for (const [page, folder] of Object.entries(SMALL)) {
      project.write(`${folderOf(page)}/model.ts`, SMALL_MODEL);
      build(`${folderOf(page)}/model.ts`, `${folderOf(page)}/${folder}`);
    }
  });
  afterAll(() => project.remove());

  function build(file: string, outDir: string): void {
    const { code, stdout, stderr } = project.btc('build', file, '--outDir', outDir, '--no-pretty');
    expect([code, stderr], stdout).toEqual([0, '']);
  }

  function problemsOf(
    files: readonly string[],
  ): (readonly [file: string, diagnostic: ts.Diagnostic])[] {
    const program = ts.createProgram(
      files.map((file) => join(project.folder, file)),
      {
        ...{ module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022 },
        ...{ lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'], types: ['node'] },
        ...{ typeRoots: [join(ROOT, 'node_modules/@types')] },
        ...{ strict: true, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true },
        ...{ allowJs: true, checkJs: true },
      },
    );
    return ts.getPreEmitDiagnostics(program).flatMap((diagnostic) => {
      const file = files.find((one) => diagnostic.file?.fileName.endsWith(`/${one}`));
      // Scripts have no types of their own: what they do not say is not asked for.
      const isUntyped = [7005, 7006, 7031, 7034].includes(diagnostic.code) && !file?.endsWith('ts');
      return isUntyped ? [] : [[file ?? '', diagnostic] as const];
    });
  }

  const said = ({ messageText }: ts.Diagnostic) =>
    ts.flattenDiagnosticMessageText(messageText, '\n');

  /** A name that the text uses and nothing declares. */
  function missingName(diagnostic: ts.Diagnostic): string | null {
    if (![2304, 2552, 18004, 2583, 2693].includes(diagnostic.code)) return null;
    return /'(\w+)'/.exec(said(diagnostic))?.[1] ?? null;
  }

  /** What stands for a name that a fragment leaves to the text around it. */
  function declarationOf(name: string): string | null {
    if (Object.hasOwn(GIVEN, name)) return `declare ${GIVEN[name]};`;
    if (Object.hasOwn(language, name)) return `import { ${name} } from 'btc-compiler';`;
    if (Object.hasOwn(runtime, name)) return `import { ${name} } from 'btc-compiler/runtime';`;
    return null;
  }

  test('type-check, with what a fragment leaves out put in front of it', () => {
    // Scripts are checked as TypeScript is, so that what is put in front of them may declare.
    const files = new Map(checked.map((block) => [fileOf(block), block]));
    for (const [file, { text }] of files) project.write(file, text);
    const missing = new Map<string, Set<string>>();
    for (const [file, diagnostic] of problemsOf([...files.keys()])) {
      const found = missingName(diagnostic);
      if (file === '' || found === null) continue;
      missing.set(file, (missing.get(file) ?? new Set()).add(found));
    }
    const whole = [...files].map(([file, block]) => {
      const shadowed = GLOBAL.filter(
        (one) =>
          new RegExp(`(?<![.\\w])${one}\\b`).test(block.text) &&
          !new RegExp(`\\b(?:const|let) (?:\\{[^}]*)?\\b${one}\\b`).test(block.text),
      );
      const before = [...shadowed, ...(missing.get(file) ?? [])].flatMap(
        (one) => declarationOf(one) ?? [],
      );
      if (before.length === 0 && block.file) return file;
      const completed = file.replace(/\.m?js$/, '.ts').replace(/\.ts$/, '.whole.ts');
      project.write(completed, `${before.join('\n')}\n${block.text}\nexport {};\n`);
      return completed;
    });
    const problems = problemsOf(whole).map(([file, diagnostic]) => `${file}: ${said(diagnostic)}`);
    expect(problems).toEqual([]);
  });
});

test.each(inLanguage('json').map((block) => [name(block), block] as const))(
  '%s is JSON',
  (_, { text }) => {
    expect(() => JSON.parse(text)).not.toThrow();
  },
);

/** The command line as `btc` has it, whose commands do nothing. */
async function idleProgram(): Promise<Command> {
  const folder = join(ROOT, 'compiler/cli/commands');
  const program = new Command('btc').exitOverride().configureOutput({
    ...{ writeOut: () => {}, writeErr: () => {}, outputError: () => {} },
  });
  program.version('0', '-v, --version');
  for (const file of readdirSync(folder).sort()) {
    const module = (await import(join(folder, file))) as Record<string, unknown>;
    for (const [name, declare] of Object.entries(module))
      if (name.startsWith('declare')) (declare as (program: Command) => void)(program);
  }
  for (const command of program.commands) command.action(() => {});
  return program;
}

/** The scripts that a page speaks of: a template's own, else those of the project. */
function scriptsOf(page: string): Readonly<Record<string, string>> {
  const file = page.includes('/templates/') ? join(dirname(page), 'package.json') : 'package.json';
  const { scripts } = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as {
    scripts: Record<string, string>;
  };
  return scripts;
}

/** Words of a line of shell: those in quotes are one. */
const wordsOf = (line: string) =>
  Array.from(line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g), ([, a, b, c]) => a ?? b ?? c);

/** Commands of a block, one a line or joined by &&, without variables in front and comments behind. */
function commandsOf({ text }: CodeBlock): string[][] {
  return text
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(?:^|\s+)#\s.*$/, ''))
    .flatMap((line) => line.split(/\s(?:&&|\|)\s/))
    .map((line) => wordsOf(line.trim()))
    .map((words) => words.slice(words.findIndex((word) => !/^[A-Z_]+=/.test(word))))
    .filter((words) => words.length > 0);
}

/** Programs that are not of this package: only that a reader has them is known. */
const FOREIGN: Readonly<Record<string, string>> = {
  cd: 'the shell',
  git: 'a checkout',
  python: 'examples/many-machines runs on JAX',
  code: 'VS Code',
  $BTC: 'the command of a test',
};
const NPM = ['ci', 'install', 'pack', 'create', 'init'];
const NPX: readonly string[] = ['vite', 'vitest', 'tsc', 'biome'];

type Check = (
  words: readonly string[],
  program: Command,
  scripts: Readonly<Record<string, string>>,
) => string | null;

/** By the first word: what is wrong with the rest, or null. */
const COMMANDS: Readonly<Record<string, Check>> = {
  btc: parsed,
  'btc-compiler': parsed,
  npx: (words, program) =>
    words[0] === 'btc' || words[0] === 'btc-compiler'
      ? parsed(words.slice(1), program)
      : NPX.includes(words[0])
        ? null
        : `npx runs no ${words[0]}`,
  npm: (words, _, scripts) => {
    if (NPM.includes(words[0])) return null;
    const isAlias = ['start', 'test'].includes(words[0]);
    if (words[0] !== 'run' && !isAlias) return `npm has no ${words[0]}`;
    const script = words.slice(isAlias ? 0 : 1).find((word) => !word.startsWith('-'));
    return script !== undefined && script in scripts ? null : `there is no script ${script}`;
  },
  node: (words) => {
    const file = words.find((word) => /\.m?[jt]s$/.test(word));
    return file === undefined || existsSync(join(ROOT, file)) ? null : `there is no file ${file}`;
  },
};

function parsed(words: readonly string[], program: Command): string | null {
  try {
    program.parse(words, { from: 'user' });
    return null;
  } catch (error) {
    if (error instanceof UsageError) return error.problem.message;
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? null : error.message;
  }
}

/** A path of the project that is not there. */
function missingPath(page: string, words: readonly string[]): string | null {
  if (page.includes('/templates/')) return null;
  const missing = words.find(
    (word) =>
      /^(?:compiler|docs|examples|scripts|site|test)\//.test(word) &&
      !/\/(?:out|dist)\b/.test(word) &&
      !existsSync(join(ROOT, word)),
  );
  return missing === undefined ? null : `there is no ${missing}`;
}

const isForeign = (word: string) => Object.hasOwn(FOREIGN, word);
const isCommand = (word: string) => Object.hasOwn(COMMANDS, word) || isForeign(word);
const isCommands = (block: CodeBlock) =>
  block.language === 'sh' ||
  (block.language === '' && commandsOf(block).some(([word]) => isCommand(word)));
/** A message as btc prints it. */
const MESSAGE = /(?:error|warning) BTC(\d{4}): (.*)/g;
const isOutput = ({ language, text }: CodeBlock) =>
  ['', 'text'].includes(language) && text.search(MESSAGE) >= 0;
const isPicture = (block: CodeBlock) =>
  ['', 'text'].includes(block.language) && !isCommands(block) && !isOutput(block);

describe('commands', () => {
  test.each(BLOCKS.filter(isCommands).map((block) => [name(block), block] as const))(
    '%s can be given',
    async (_, block) => {
      const problems: string[] = [];
      for (const [first, ...rest] of commandsOf(block)) {
        if (isForeign(first)) {
          const missing = missingPath(block.page, rest);
          if (missing !== null) problems.push(missing);
          continue;
        }
        // Each has a command line of its own: it remembers options that may be repeated.
        const check = COMMANDS[first] ?? (() => 'it is no command that is known');
        const problem =
          check(rest, await idleProgram(), scriptsOf(block.page)) ?? missingPath(block.page, rest);
        if (problem !== null) problems.push(`${[first, ...rest].join(' ')}: ${problem}`);
      }
      expect(problems).toEqual([]);
    },
  );
});

test.each(BLOCKS.filter(isOutput).map((block) => [name(block), block] as const))(
  'messages at %s are those that there are',
  (_, { text }) => {
    for (const [, number, message] of text.matchAll(MESSAGE)) {
      const shown = message.replace(/ \(btc explain \d+\)$/, '').split('…')[0];
      const pattern = MESSAGES[Number(number) as MessageNumber];
      expect(pattern, number).toBeDefined();
      // Of a message that is cut off, the rest is not there.
      const starts = Array.from(pattern, (_, k) => pattern.slice(0, k + 1));
      expect(
        starts.some((start) => isFilledIn(shown, start)),
        `${number}: ${shown}`,
      ).toBe(true);
    }
  },
);

/** Whether a text is a message of the table with something in place of each name in braces. */
function isFilledIn(text: string, pattern: string): boolean {
  const parts = pattern
    .split(/\{\w+\}?/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}\\s*$`, 's').test(text);
}

test('what is neither code nor a command nor a message is known to be a picture', () => {
  const starts = Object.entries(PICTURES).flatMap(([page, list]) =>
    list.map(([start]) => `${page}: ${start}`),
  );
  const found = BLOCKS.filter(isPicture).map(({ page, text }) => `${page}: ${text.trim()}`);
  expect(found.filter((one) => !starts.some((start) => one.startsWith(start)))).toEqual([]);
  expect(starts.filter((start) => !found.some((one) => one.startsWith(start)))).toEqual([]);
});

describe('commands within the text', () => {
  test.each(pages().filter((page) => page !== 'CHANGELOG.md'))('%s', async (page) => {
    const program = await idleProgram();
    const problems = inlineCommands(page).flatMap(({ line, text }) =>
      text
        .split(' && ')
        .map((one) => inlineProblem(wordsOf(one), program, page))
        .flatMap((problem) => (problem === null ? [] : [`${line}: ${text}: ${problem}`])),
    );
    expect(problems).toEqual([]);
  });
});

/** Of a command in a sentence its name and its options are known; the rest may be left out. */
function inlineProblem(
  [first, ...rest]: readonly string[],
  program: Command,
  page: string,
): string | null {
  if (first === 'npx' && rest[0] !== 'btc') return COMMANDS.npx(rest, program, {});
  if (first === 'npm' || first === 'node') return COMMANDS[first](rest, program, scriptsOf(page));
  const [name, ...words] = first === 'npx' ? rest.slice(1) : rest;
  // The command itself is named, and nothing that it should do.
  if (name === undefined) return null;
  const command = program.commands.find((one) => one.name() === name);
  if (!command) return `there is no command ${name}`;
  const known = command.options.map(({ long }) => long);
  const unknown = words.find((word) => word.startsWith('--') && !known.includes(word));
  return unknown === undefined ? null : `there is no option ${unknown}`;
}

describe('what pages name', () => {
  const text = (page: string) => readFileSync(join(ROOT, page), 'utf8');
  const tree = readdirSync(ROOT, { recursive: true, withFileTypes: true })
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !/(?:^|\/)(?:node_modules|\.git)(?:\/|$)/.test(path));
  /** What a build writes, and what a script packs. */
  const MADE = /^(?:\.\/)?model(?:\/model)?\.|\/out\//;

  test.each([
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    ...pages().filter((page) => page.startsWith('docs/')),
  ])('files of %s are there', (page) => {
    const named = Array.from(text(page).matchAll(/`([\w./-]+)`/g), ([, path]) => path).filter(
      (path) =>
        /^[\w./-]+\.(?:ts|mjs|cts|cjs)$/.test(path) ||
        /^(?:compiler|ir|runtime|view|node|test|docs|examples|scripts|site)\//.test(path),
    );
    const missing = named
      .map((path) => path.replace(/\/$/, ''))
      .filter((path) => !MADE.test(path))
      .filter((path) => !tree.some((one) => one === path || one.endsWith(`/${path}`)));
    expect(missing).toEqual([]);
  });

  test('the list of folders has every folder of the compiler, and no other', () => {
    const [, list] = /\n {4}compiler\/\n(.*?)\n {4}runtime\//s.exec(text('ARCHITECTURE.md'))!;
    const listed = Array.from(list.matchAll(/^ {6}([\w-]+)\/ /gm), ([, name]) => name);
    const there = readdirSync(new URL('../compiler/', import.meta.url), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(listed.sort()).toEqual(there.sort());
  });

  test('versions of plans are those that there are', () => {
    expect(text('ARCHITECTURE.md')).toContain(`Plans are of version ${PLAN_VERSION}.`);
    expect(text('docs/plan-format.md')).toContain(`this btc-compiler reads ${versionsRead()};`);
    expect(/^\| (\d\.\d) \|/m.exec(text('docs/plan-format.md'))?.[1]).toBe(PLAN_VERSION);
  });
});

describe('the reader of blocks', () => {
  const found = (text: string) =>
    blocksOf('page.md', text).map(({ line, language, file, text }) => [line, language, file, text]);

  test('finds blocks in all forms that Markdown has', () => {
    expect(found('```ts model.ts\na\n```\n')).toEqual([[2, 'ts', 'model.ts', 'a']]);
    expect(found('~~~js\na\n```\n~~~')).toEqual([[2, 'js', null, 'a\n```']]);
    expect(found('````ts\n```\na\n`````')).toEqual([[2, 'ts', null, '```\na']]);
    expect(found('    a\n      b\n\n    c\nd')).toEqual([[1, '', null, 'a\n  b\n\nc']]);
    expect(found('text\n\n\ta\n')).toEqual([[3, '', null, 'a']]);
    expect(found('- item\n\n  ```ts\n  a\n  ```')).toEqual([[4, 'ts', null, 'a']]);
    expect(found('1. item\n\n       a\n\nend')).toEqual([[3, '', null, 'a']]);
    expect(found('- item\n  - inner\n\n        a')).toEqual([[4, '', null, 'a']]);
  });

  test('and nothing in text', () => {
    expect(found('- item\n\n  goes on\n\n    - inner\n\n      goes on')).toEqual([]);
    expect(found('text\n    goes on\n\n`a <pre> tag`')).toEqual([]);
  });

  test.each(['> ```ts\n> a\n> ```', '- ```ts\n  a\n  ```', '<pre>a</pre>', '| <code>a</code> |'])(
    'refuses %j, which it would not read',
    (text) => {
      expect(() => found(text)).toThrow(/page\.md:1: .*fence/);
    },
  );

  test('refuses a block that does not end, and words that it does not know', () => {
    expect(() => found('text\n```ts\na')).toThrow('page.md:2: the block does not end');
    expect(() => found('```ts twoslash\na\n```')).toThrow('the name of a file or nothing');
  });
});
