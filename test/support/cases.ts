import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

// Text cases: a pass is given the text of a program and must give another text. They lie in `test/cases/<folder>/<name>.txt`:
//
//     === title key=value …
//     input
//     ---
//     expected output
//
// To add one, write its title, its input and `---`, then run the test with UPDATE_CASES=1 and read what was written:
//
//     UPDATE_CASES=1 npx vitest run test/simplify
//
// That rewrites the expected halves of all cases that ran (`-t` picks some); `git diff` shows what a change of a pass means.
// What a runner checks besides the text (verifiers, values) still fails, and its case is left as it was.

/** One test of a pass: what goes in, what must come out, and what is asked for in the title (`key=value`). */
export interface Case {
  readonly title: string;
  readonly options: Readonly<Record<string, string>>;
  readonly input: string;
  readonly expected: string;
}

const pathOf = (folder: string, name: string) =>
  fileURLToPath(new URL(`../cases/${folder}/${name}.txt`, import.meta.url));

/** Reads the cases of one file. */
export function readCases(folder: string, name: string): Case[] {
  return readFileSync(pathOf(folder, name), 'utf8')
    .split(/^=== /m)
    .slice(1)
    .map((text) => {
      const end = text.indexOf('\n');
      const [input, expected] = text.slice(end + 1).split(/^---\n/m);
      const words = text.slice(0, end).split(' ');
      const options = words.filter((word) => word.includes('='));
      return {
        title: words.join(' '),
        options: Object.fromEntries(options.map((word) => word.split('=') as [string, string])),
        input,
        expected: (expected ?? '').trim(),
      };
    });
}

/** Names of the case files of a folder, without extension. */
export function caseFiles(folder: string): string[] {
  return readdirSync(fileURLToPath(new URL(`../cases/${folder}`, import.meta.url)))
    .filter((file) => file.endsWith('.txt'))
    .map((file) => basename(file, '.txt'));
}

/** Declares one test for every case of a file: `run` gives the output for a case, and throws where more than the text is wrong. */
export function testCases(folder: string, name: string, run: (example: Case) => string): void {
  const updating = process.env.UPDATE_CASES !== undefined;
  const given = new Map<string, string>();
  const examples = readCases(folder, name);
  for (const example of examples) {
    it(example.title, () => {
      const output = run(example).trim();
      if (updating) given.set(example.title, output);
      else expect(output).toBe(example.expected);
    });
  }
  const titles = examples.map(({ title }) => title);
  it('no two cases have one title', () => expect([...new Set(titles)]).toEqual(titles));
  if (!updating) return;
  afterAll(() => {
    const text = examples.map((example) => {
      const expected = given.get(example.title) ?? example.expected;
      return `=== ${example.title}\n${example.input}---\n${expected}\n`;
    });
    writeFileSync(pathOf(folder, name), text.join(''));
  });
}
