import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './btc.ts';

/** A block of code of a page: fenced, or indented by four spaces, which has no language. */
export interface CodeBlock {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  /** Behind the language, where the block is a file. */
  readonly file: string | null;
  readonly text: string;
}

/** What a reader is shown: the pages of the root and of docs/, and what templates and packages say of themselves. */
export function pages(): string[] {
  const root = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'create-btc-compiler/README.md'];
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const docs = below.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
  return [...root, ...docs.sort()];
}

export function codeBlocks(page: string): CodeBlock[] {
  const lines = readFileSync(join(ROOT, page), 'utf8').split('\n');
  const blocks: CodeBlock[] = [];
  for (let k = 0; k < lines.length; k++) {
    const fence = /^(\s*)```(\w*) ?(\S*)$/.exec(lines[k]);
    const isIndented = /^ {4}\S/.test(lines[k]) && lines[k - 1] === '' && !isInList(lines, k);
    if (!fence && !isIndented) continue;
    const start = k + 1;
    let end = start;
    if (fence) {
      while (end < lines.length && lines[end].trim() !== '```') end++;
      if (end === lines.length) throw new Error(`${page}:${start}: the block does not end`);
    } else while (/^ {4}/.test(lines[end] ?? '')) end++;
    const first = fence ? start : k;
    blocks.push({
      ...{ page, line: first + 1, language: fence?.[2] ?? '', file: fence?.[3] || null },
      text: lines
        .slice(first, end)
        .map((line) => (fence ? line.slice(fence[1].length) : line.slice(4)))
        .join('\n'),
    });
    k = end;
  }
  return blocks;
}

/** Whether a line goes on with the item of a list: the nearest line before it that is not indented starts one. */
function isInList(lines: readonly string[], at: number): boolean {
  for (let k = at - 1; k >= 0; k--)
    if (/^\S/.test(lines[k])) return /^(?:[-*]|\d+\.) /.test(lines[k]);
  return false;
}
