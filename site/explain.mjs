// A page for each message: at e/2003, from what `btc explain` prints.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writePage } from './stage.mjs';
import { GROUPS } from './structure.mjs';

const block = (language, text) => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;

function example({ language, text, files = [], where }) {
  const before = files.map(({ name, text: content, is }) =>
    content === undefined
      ? `\`${name}\` is ${is}.`
      : `\`${name}\`:\n\n${block(name.endsWith('.json') ? 'json' : 'ts', content)}`,
  );
  if (where !== undefined) before.push(`${where}:`);
  return [...before, block(language, text)].join('\n\n');
}

function pageText(number, message, { title, means, wrong, prints, right }) {
  return `# BTC${number}: ${title}

${block('text', message)}

${means}

## Wrong

${example(wrong)}

${block('text', prints)}

## Right

${example(right)}

\`btc explain ${number}\` prints this page in a terminal.
`;
}

/** @returns sidebars by the start of the path: each has the messages of one group */
export async function stageExplanations(root, folder) {
  const load = (path) => import(pathToFileURL(join(root, 'dist/compiler', path)).href);
  const { MESSAGES } = await load('diagnostics.js');
  const { NUMBERS, pageOf } = await load('explain/page.js');
  const groups = Object.entries(GROUPS).map(([digit, text]) => ({
    text,
    numbers: NUMBERS.filter((number) => String(number)[0] === digit),
  }));
  for (const number of NUMBERS)
    writePage(folder, `e/${number}/index`, pageText(number, MESSAGES[number], pageOf(number)));
  const list = groups.map(
    ({ text, numbers }) =>
      `## ${text}\n\n${numbers
        .map((number) => `- [BTC${number}](/e/${number}/): ${pageOf(number).title}`)
        .join('\n')}\n`,
  );
  writePage(
    folder,
    'e/index',
    `# Messages\n\nEvery mistake that btc finds has a number, and each number a page. \`btc explain 2003\` prints it too.\n\n${list.join('\n')}`,
  );
  const all = groups.map(({ text }) => ({ text, link: `/e/#${anchorOf(text)}` }));
  const ofGroup = ({ text, numbers }) => ({
    text,
    items: numbers.map((number) => ({
      text: `${number} ${pageOf(number).title}`,
      link: `/e/${number}/`,
    })),
  });
  return Object.fromEntries([
    ...groups.map((group, k) => [
      `/e/${Object.keys(GROUPS)[k]}`,
      [{ text: 'All messages', link: '/e/' }, ofGroup(group)],
    ]),
    ['/e/', [{ text: 'Messages', items: all }]],
  ]);
}

const anchorOf = (heading) => heading.toLowerCase().replace(/[^a-z]+/g, '-');
