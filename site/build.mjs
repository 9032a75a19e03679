// Builds the documentation: node site/build.mjs [--outDir FOLDER] [--base /PATH/]. What it is made of lies in docs/, in docstrings and in
// compiler/explain; the playground and the drawing demonstration are built beside it. The result is static and asks nothing of a network.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vitepress';
import { stageApi } from './api.mjs';
import { stageExplanations } from './explain.mjs';
import { stagePages, writePage } from './stage.mjs';
import { SECTIONS } from './structure.mjs';

const own = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    outDir: { type: 'string', default: join(own, 'dist') },
    base: { type: 'string', default: '/' },
  },
});
const outDir = resolve(values.outDir);
const staged = join(own, '.staged');
const source = join(staged, 'pages');
rmSync(staged, { recursive: true, force: true });
mkdirSync(source, { recursive: true });

/** Pages with a builder of their own, which are there when their folder is. */
const DEMONSTRATIONS = [
  { name: 'playground', text: 'Playground' },
  { name: 'draw', text: 'Draw a digit' },
].filter(({ name }) => existsSync(join(root, 'examples', name, 'build.mjs')));

writePage(source, 'index', readFileSync(join(own, 'index.md'), 'utf8'));
stagePages(root, source);
const messages = await stageExplanations(root, source);
const api = await stageApi(root, source);
const chapters = SECTIONS.map(({ text, pages }) => ({
  text,
  items: pages.map(({ text, place }) => ({ text, link: `/${place}` })),
}));
writeFileSync(
  join(staged, 'structure.json'),
  JSON.stringify({
    base: values.base,
    source: './.staged/pages',
    nav: [
      { text: 'Guide', link: '/guide/getting-started', activeMatch: '^/guide/' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
      { text: 'Messages', link: '/e/', activeMatch: '^/e/' },
      { text: 'How it works', link: '/how/architecture', activeMatch: '^/(how|extending)/' },
      ...DEMONSTRATIONS.map(({ name, text }) => ({
        text,
        link: `/${name}/index.html`,
        target: '_self',
      })),
    ],
    sidebar: { '/api/': api, ...messages, '/': chapters },
  }),
);
await build(own, { logLevel: 'warn' });
rmSync(outDir, { recursive: true, force: true });
cpSync(join(own, '.built'), outDir, { recursive: true });
rmSync(join(own, '.built'), { recursive: true, force: true });
for (const { name } of DEMONSTRATIONS)
  execFileSync(
    process.execPath,
    [join(root, 'examples', name, 'build.mjs'), '--outDir', join(outDir, name)],
    { cwd: root, stdio: 'inherit' },
  );
console.log(`built ${outDir}`);
