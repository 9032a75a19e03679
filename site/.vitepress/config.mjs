import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';

/** Made by ../build.mjs: the pages that are there, and where they lie. */
const { sidebar, nav, base, source } = JSON.parse(
  readFileSync(new URL('../.staged/structure.json', import.meta.url), 'utf8'),
);

/** A slab with two tensors, in the colour of links. */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#1f6fb2" d="M1 2h9v5H1zM6 9h9v5H6z"/></svg>',
)}`;

/** Places in tables of the reference, the one tag that pages hold: `<a id="property-mode"></a>`. */
function anchor(state, silent) {
  const [found] = /^<a id="[\w-]+"><\/a>/.exec(state.src.slice(state.pos, state.pos + 200)) ?? [];
  if (found === undefined) return false;
  if (!silent) state.push('html_inline', '', 0).content = found;
  state.pos += found.length;
  return true;
}

export default defineConfig({
  title: 'btc',
  description:
    'A compiler from a neural network written in TypeScript to a memory-planned WebGPU schedule. If it builds, it fits.',
  lang: 'en',
  base,
  head: [['link', { rel: 'icon', href: ICON }]],
  // What all pages share is one file, not a part of each.
  metaChunk: true,
  srcDir: source,
  outDir: './.built',
  cacheDir: './.staged/cache',
  // Pages of the playground and the drawing demonstration are built beside this site.
  ignoreDeadLinks: [/^\/(playground|draw)\//],
  // Pages are Markdown of the repository: what looks like a tag is text.
  markdown: {
    html: false,
    config: (md) => md.inline.ruler.push('anchor', anchor),
    theme: { light: 'github-light-high-contrast', dark: 'github-dark' },
  },
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
