import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One test of a pass: what goes in, what must come out, and what is asked for in the title (`key=value`). */
export interface Case {
  readonly title: string;
  readonly options: Readonly<Record<string, string>>;
  readonly input: string;
  readonly expected: string;
}

/**
 * The cases of `test/cases/<folder>/<name>.txt`. A case starts with `=== title key=value …`; `---` stands between
 * input and expected output.
 */
export function readCases(folder: string, name: string): Case[] {
  const path = new URL(`../cases/${folder}/${name}.txt`, import.meta.url);
  return readFileSync(path, 'utf8')
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
