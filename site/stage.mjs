// Pages of the repository as pages of the site: at their place, with links that lead there.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { SECTIONS } from './structure.mjs';

/** Writes a page of the site, by its place. */
export function writePage(folder, place, text) {
  const file = join(folder, `${place}.md`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const places = new Map([
  ['README.md', 'index'],
  ...SECTIONS.flatMap(({ pages }) => pages.map(({ file, place }) => [file, place])),
]);

/** Folders of the repository that stand for a page. */
const FOLDERS = new Map([['docs/extending', 'extending/contributing']]);

/** A link of a page of the repository, as the site has it; null where the site has no such page. */
function linkOf(file, target) {
  if (/^(?:[a-z]+:|#)/i.test(target)) return target;
  const [path, anchor] = target.split('#');
  const found = posix.normalize(posix.join(posix.dirname(file), path)).replace(/\/$/, '');
  const place = places.get(found) ?? FOLDERS.get(found);
  return place === undefined ? null : `/${place}${anchor === undefined ? '' : `#${anchor}`}`;
}

/** Applies `change` to what of a page is no block of code. */
export function outsideCode(text, change) {
  return text
    .split(/(^```.*?^```$)/gms)
    .map((part, k) => (k % 2 === 0 ? change(part) : part))
    .join('');
}

/** What stands behind the language of a block is the name of its file, which readers of the repository take from the text. */
const withFileNames = (text) => text.replace(/^```(\w+) (\S+)$/gm, '`$2`:\n\n```$1');

/** Indented blocks have no language: the site marks commands. */
function fenced(text) {
  return text.replace(/(?<=\n\n)((?: {4}.*\n|\n(?= {4}))+)/g, (block) => {
    const lines = block.replace(/^ {4}/gm, '').trimEnd();
    const isCommand = /^(?:npx |npm |btc |node |python |[A-Z_]+=)/.test(lines);
    return `\`\`\`${isCommand ? 'sh' : 'text'}\n${lines}\n\`\`\`\n\n`;
  });
}

export function stagePages(root, folder) {
  for (const [file, place] of places) {
    if (file === 'README.md') continue;
    const text = withFileNames(readFileSync(join(root, file), 'utf8'));
    const images = [];
    // A page that starts a list item with four spaces has no indented block there.
    const staged = outsideCode(fenced(text), (part) =>
      part
        .replace(/!\[([^\]]*)\]\(([^)\s]+)\)/g, (_, label, target) => {
          images.push(target);
          return `![${label}](./${target})`;
        })
        .replace(/(?<!!)\[([^\]]*)\]\(([^)\s]+)\)/g, (_, label, target) => {
          const link = linkOf(file, target);
          return link === null ? label : `[${label}](${link})`;
        }),
    ).replaceAll('{{', '&#123;&#123;');
    writePage(folder, place, staged);
    for (const image of images)
      copyFileSync(join(root, dirname(file), image), join(folder, dirname(place), image));
  }
}
