import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './btc.ts';

/** A block of code of a page: fenced, or indented, which has no language. */
export interface CodeBlock {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  /** Behind the language, where the block is a file. */
  readonly file: string | null;
  readonly text: string;
}

const NOT_WRITTEN = ['node_modules', 'dist', 'out', '.git', '.staged', '.built', '.vitepress'];

/** Names of files below a folder that end so, in order, without what commands have made. */
function filesBelow(folder: string, end: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return NOT_WRITTEN.includes(entry.name) ? [] : filesBelow(name, end);
      return name.endsWith(end) ? [name] : [];
    })
    .sort();
}

/** What a reader is shown: every page of Markdown, and of what templates, examples and packages say of themselves. */
export const pages = (): string[] => filesBelow('', '.md');

/** Sources whose comments editors and the reference show. */
export const sources = (): string[] =>
  ['compiler', 'ir', 'runtime', 'node', 'view'].flatMap((folder) => filesBelow(folder, '.ts'));

export const codeBlocks = (page: string): CodeBlock[] =>
  blocksOf(page, readFileSync(join(ROOT, page), 'utf8'));

const FENCE = /^(\s*)(`{3,}|~{3,})\s*([^`]*)$/;
/** Where a fence starts that this reader would not follow: behind the mark of a quote or of an item. */
const FENCE_BEHIND = /^\s*(?:>|[-*+] |\d+[.)] )[\s>]*(?:`{3}|~{3})/;
const HTML_CODE = /<(?:pre|code|samp|kbd|script|textarea)\b/i;

/** All blocks of code of a text in Markdown. What could hold code in another way is an error. */
export function blocksOf(page: string, text: string): CodeBlock[] {
  const lines = text.split('\n').map((line) => line.replaceAll('\t', '    '));
  const blocks: CodeBlock[] = [];
  for (let k = 0; k < lines.length; k++) {
    const at = `${page}:${k + 1}`;
    const fence = FENCE.exec(lines[k]);
    if (fence) {
      const end = endOfFence(lines, k, fence[2]);
      if (end === null) throw new Error(`${at}: the block does not end`);
      blocks.push(fencedBlock(page, lines, k, end, fence));
      k = end;
    } else if (isIndented(lines, k)) {
      const end = endOfIndented(lines, k);
      const indent = indentOf(lines[k]);
      const shown = lines.slice(k, end).map((line) => line.slice(indent));
      blocks.push({ page, line: k + 1, language: '', file: null, text: shown.join('\n') });
      k = end - 1;
    } else {
      if (FENCE_BEHIND.test(lines[k]))
        throw new Error(`${at}: a fence stands on a line of its own`);
      if (HTML_CODE.test(lines[k].replace(/`[^`]*`/g, '')))
        throw new Error(`${at}: code stands between fences, not in HTML`);
    }
  }
  return blocks;
}

function fencedBlock(
  page: string,
  lines: readonly string[],
  start: number,
  end: number,
  [, indent, , info]: readonly string[],
): CodeBlock {
  const [language = '', file = null, ...more] = info.trim().split(/\s+/);
  if (more.length > 0 || (file !== null && !/^[\w./-]+\.\w+$/.test(file)))
    throw new Error(
      `${page}:${start + 1}: behind the language stands the name of a file or nothing`,
    );
  return {
    ...{ page, line: start + 2, language, file },
    text: lines
      .slice(start + 1, end)
      .map((line) => line.slice(Math.min(indent.length, indentOf(line))))
      .join('\n'),
  };
}

function endOfFence(lines: readonly string[], start: number, mark: string): number | null {
  for (let k = start + 1; k < lines.length; k++) {
    const line = lines[k].trim();
    if (line.length >= mark.length && line === mark[0].repeat(line.length)) return k;
  }
  return null;
}

const indentOf = (line: string) => line.length - line.trimStart().length;

/** Code is indented by four more than the text of the item of a list that it is in, behind an empty line. */
function isIndented(lines: readonly string[], k: number): boolean {
  if (lines[k].trim() === '' || (k > 0 && lines[k - 1].trim() !== '')) return false;
  return indentOf(lines[k]) >= 4 + textColumn(lines, k);
}

function endOfIndented(lines: readonly string[], start: number): number {
  const least = 4 + textColumn(lines, start);
  let end = start;
  for (let k = start; k < lines.length; k++) {
    if (lines[k].trim() === '') continue;
    if (indentOf(lines[k]) < least) break;
    end = k + 1;
  }
  return end;
}

const ITEM = /^(\s*)(?:[-*+]|\d+[.)])\s+/;

/** The column of the text that a line belongs to: that of the innermost item of a list which goes on there, or 0. */
function textColumn(lines: readonly string[], at: number): number {
  let most = indentOf(lines[at]);
  for (let k = at - 1; k >= 0; k--) {
    if (lines[k].trim() === '') continue;
    const item = ITEM.exec(lines[k]);
    if (item && item[0].length <= most) return item[0].length;
    if (indentOf(lines[k]) === 0) return 0;
    most = Math.min(most, indentOf(lines[k]));
  }
  return 0;
}

/** Blocks in comments that are documentation: between fences, or all of an `@example`. */
export function commentBlocks(file: string): CodeBlock[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return Array.from(text.matchAll(/^ *\/\*\*(?:(?!\*\/).)*\*\//gms)).flatMap(
    ({ 0: comment, index }) => {
      const before = text.slice(0, index).split('\n').length - 1;
      const lines = comment
        .split('\n')
        .map((line) => line.replace(/^ *\/?\*+\/? ?/, '').replace(/ *\*\/$/, ''));
      const found = blocksOf(file, lines.join('\n'));
      for (const [k, line] of lines.entries())
        if (
          line.startsWith('@example') &&
          !/^(```|~~~)/.test(lines.slice(k + 1).find((one) => one.trim() !== '') ?? '')
        )
          throw new Error(`${file}:${before + k + 1}: an example stands between fences`);
      return found.map((block) => ({ ...block, line: block.line + before }));
    },
  );
}

/** Commands in the text between backticks: `btc …`, `npx btc …`, `npm run …`. */
export function inlineCommands(page: string): { readonly line: number; readonly text: string }[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(
    /^(\s*)(```|~~~).*?^\s*\2$/gms,
    (block) => block.replace(/[^\n]/g, ''),
  );
  return Array.from(
    text.matchAll(/(?<!`)`((?:btc|npx|npm run) [^`]+)`(?!`)/g),
    ({ 1: command, index }) => ({
      line: text.slice(0, index).split('\n').length,
      text: command.replace(/\s+/g, ' '),
    }),
  );
}
