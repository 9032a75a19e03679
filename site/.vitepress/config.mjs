import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';

/** Made by ../build.mjs: the pages that are there, and where they lie. */
const { sidebar, nav, base, source } = JSON.parse(
  readFileSync(new URL('../.staged/structure.json', import.meta.url), 'utf8'),
);

export default defineConfig({
  title: 'btc',
  description:
    'A compiler from a neural network written in TypeScript to a memory-planned WebGPU schedule. If it builds, it fits.',
  lang: 'en',
  base,
  // What all pages share is one file, not a part of each.
  metaChunk: true,
  srcDir: source,
  outDir: './.built',
  cacheDir: './.staged/cache',
  // Pages of the playground and the drawing demonstration are built beside this site.
  ignoreDeadLinks: [/^\/(playground|draw)\//],
  // Pages are Markdown of the repository: what looks like a tag is text.
  markdown: { html: false, theme: { light: 'github-light-high-contrast', dark: 'github-dark' } },
  vite: { build: { chunkSizeWarningLimit: 4000 }, logLevel: 'error' },
  themeConfig: {
    nav,
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
    docFooter: { prev: 'Before', next: 'Next' },
    footer: { message: 'MIT licence' },
  },
});
