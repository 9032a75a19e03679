import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageNumber } from '../../compiler/diagnostics.ts';
import type { CompileOptions } from '../../compiler/driver/result.ts';
import { NUMBERS, type PageExample } from '../../compiler/explain/page.ts';
import * as language from '../../compiler/language.ts';
import { CASES } from '../../test/frontend/diagnostic-cases.ts';
import type { CommandExample, Explanation, RunExample } from './example.ts';
import { EXPLANATIONS } from './explanations.ts';

/** The two examples of a page, whole. */
export interface Examples {
  readonly wrong: RunExample;
  readonly right: RunExample;
}

const MARK = '▸';

/** The examples of a message: its wrong model is the case of test/frontend/diagnostic-cases.ts, where it has one. */
export function examplesOf(number: MessageNumber): Examples {
  const explanation: Explanation = EXPLANATIONS[number];
  const wrong = explanation.wrong ?? wrongModel(number);
  return { wrong, right: rightOf(explanation, wrong) };
}

function wrongModel(number: MessageNumber): RunExample {
  const { text, options } = CASES[number];
  return { kind: 'model', text, ...(options ? { options } : {}) };
}

function rightOf({ title, right }: Explanation, wrong: RunExample): RunExample {
  if (right.kind !== 'correction') return right;
  if (wrong.kind !== 'model') throw new Error(`'${title}' corrects what is no model`);
  let { text } = wrong;
  for (const [from, to] of right.replace) {
    if (!text.includes(from)) throw new Error(`'${title}': the wrong model has no '${from}'`);
    text = text.replaceAll(from, to);
  }
  const options = right.options ?? wrong.options;
  return { kind: 'model', text, ...(options ? { options } : {}) };
}

/** Names of the language that an expression uses, but not those behind a dot or before a colon. */
function importsOf(text: string): string[] {
  return Object.keys(language)
    .filter((name) => new RegExp(`(?<![.\\w'])${name}\\b(?!['\\w]|\\s*:)`).test(text))
    .sort();
}

/** The file of a model: an expression, or a whole text where it exports one itself. */
function fileOf(text: string): string {
  const expression = text.replaceAll(MARK, '');
  if (/^export default /m.test(expression)) return expression;
  return `import { ${importsOf(expression).join(', ')} } from 'btc-compiler';\n\nexport default ${expression};\n`;
}

/** The file that a page shows of an example, before it is formatted; null for what is a command alone. */
function unformatted(example: RunExample): string | null {
  if (example.kind === 'command') return null;
  return example.kind === 'call' ? example.text : fileOf(example.text);
}

/** Files of all examples that are code, formatted as people write: by the text of the example. */
export function formattedFiles(): ReadonlyMap<string, string> {
  const texts = new Map(
    NUMBERS.flatMap((number) => Object.values(examplesOf(number) as Examples)).flatMap(
      (example) => {
        const file = unformatted(example);
        return file === null || example.kind === 'command' ? [] : [[example.text, file] as const];
      },
    ),
  );
  const folder = mkdtempSync(join(tmpdir(), 'btc-pages-'));
  try {
    const entries = [...texts].map(([text], k) => [text, join(folder, `${k}.ts`)] as const);
    for (const [text, path] of entries) writeFileSync(path, texts.get(text)!);
    const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
    execFileSync(
      process.execPath,
      [
        biome,
        ...['format', '--write', '--indent-style=space', '--line-width=80'],
        ...['--javascript-formatter-quote-style=single', folder],
      ],
      { cwd: folder, stdio: 'pipe' },
    );
    return new Map(entries.map(([text, path]) => [text, readFileSync(path, 'utf8')]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Options of the API, as the command line has them. */
const FLAGS: Readonly<Partial<Record<keyof CompileOptions, string>>> = {
  target: '--target',
  budgetBytes: '--budget',
  hostBudgetBytes: '--host-budget',
  profile: '--profile',
};

export function flagsOf(options: CompileOptions): string {
  return Object.entries(options)
    .flatMap(([name, value]) => {
      if (name === 'set')
        return Object.entries(value as object).map((pair) => `--set ${pair.join('=')}`);
      const flag = FLAGS[name as keyof CompileOptions];
      if (flag === undefined) throw new Error(`no flag stands for the option '${name}'`);
      return [`${flag} ${value}`];
    })
    .join(' ');
}

const filesOf = (files: NonNullable<CommandExample['files']>) =>
  Object.entries(files).map(([name, file]) => ({
    name,
    ...(typeof file === 'string' ? { text: file } : { is: file.is }),
  }));

/** An example as its page shows it. `formatted`: what `formattedFiles` gives. */
export function shownExample(
  example: RunExample,
  formatted: ReadonlyMap<string, string>,
): PageExample {
  if (example.kind === 'command') {
    const { command, files, before, where } = example;
    // A file counts where the command names it.
    const named = files && filesOf(files).filter(({ name }) => command.includes(name));
    return {
      ...{ language: 'sh', text: before ? `${before} btc ${command}` : `btc ${command}` },
      ...(named && named.length > 0 ? { files: named } : {}),
      ...(where ? { where: where.is } : {}),
    };
  }
  const text = formatted.get(example.text)!;
  if (example.kind === 'call') return { language: 'ts', text };
  if (example.kind === 'editor') {
    const settings = Object.entries(example.settings).map((pair) => `btc.${pair.join(' = ')}`);
    return { language: 'ts', text, where: `In an editor, with ${settings.join(', ')}` };
  }
  return example.options
    ? {
        ...{ language: 'sh', text: `btc build model.ts ${flagsOf(example.options)}` },
        files: [{ name: 'model.ts', text }],
      }
    : { language: 'ts', text };
}
