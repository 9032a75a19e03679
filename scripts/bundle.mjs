// Joins the modules of the compiler into a few chunks in dist/: Node spends more on finding, opening and linking 400 files than on what
// is in them. What users and the command line import, and the workers, stay where they are as entries over the chunks, so that all
// of them share one instance of the language. ir/, runtime/ and node/ stay as they are, for the bundlers of users. Names of functions
// are kept: messages name the one that a model called. What shows plans is for browsers, and bundled by itself.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const sources = fileURLToPath(new URL('../compiler/', import.meta.url));
const built = fileURLToPath(new URL('../dist/compiler/', import.meta.url));
// A level below compiler/, as all modules that say where others are by their own address.
const CHUNKS = 'chunks';
const ENTRIES = [
  ...['index', 'load/index', 'cli/main', 'cli/build-worker', 'cli/check-worker'],
  'editor/evaluate-worker',
];
/** Packages that stay packages: they are large, or may be absent, or their objects are handed to users. */
const PACKAGES = [/^node:/, 'typescript', 'webgpu', 'highs', '@dagrejs/graphlib', /^btc-compiler/];

/** The licences of packages that are in the chunks, as they ask for. */
function licences(modules) {
  const folders = modules.flatMap(
    (path) => /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  const texts = [...new Set(folders)].sort().map((folder) => {
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    const { name, version, license } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    );
    // A package without the text says by name which it is under.
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Licence: ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

/**
 * The compiler in a page: everything in it, and nothing of Node. The worker is one file without imports, so that it also runs from text
 * in a frame. Names of functions stay here too, whatever a user's bundler does to them.
 */
async function bundleForPages() {
  const folder = join(built, 'web');
  // Chunks lie beside the entries: they say where the worker is by their own address.
  for (const name of readdirSync(folder)) if (name.endsWith('.js')) rmSync(join(folder, name));
  const modules = [];
  for (const names of [['index', 'source'], ['worker']]) {
    const bundle = await rolldown({
      input: Object.fromEntries(names.map((name) => [name, `${sources}web/${name}.ts`])),
      platform: 'browser',
      treeshake: { moduleSideEffects: true },
    });
    const { output } = await bundle.write({
      ...{ dir: folder, format: 'esm', chunkFileNames: '[name]-[hash].js' },
      ...{ keepNames: true, minify: true },
      codeSplitting: names.length > 1,
    });
    await bundle.close();
    modules.push(...output.flatMap((chunk) => Object.keys(chunk.modules ?? {})));
  }
  writeFileSync(join(folder, 'licences.txt'), licences(modules));
}

/** The page that shows plans: a script for `btc view` to write into a file, and a module for other pages. No package is in them. */
const VIEW = [
  { input: 'page/main', file: 'page.js', format: 'iife' },
  { input: 'index', file: 'index.js', format: 'esm' },
];

async function bundleView() {
  const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
  for (const { input, file, format } of VIEW) {
    const bundle = await rolldown({ input: path(`view/${input}.ts`), platform: 'browser' });
    await bundle.write({ file: path(`dist/view/${file}`), format, minify: true });
    await bundle.close();
  }
}

rmSync(join(built, CHUNKS), { recursive: true, force: true });
const bundle = await rolldown({
  input: Object.fromEntries(ENTRIES.map((name) => [name, `${sources}${name}.ts`])),
  platform: 'node',
  external: PACKAGES,
  treeshake: { moduleSideEffects: true },
});
const { output } = await bundle.write({
  dir: built,
  format: 'esm',
  chunkFileNames: `${CHUNKS}/[name]-[hash].js`,
  keepNames: true,
  minify: false,
});
await bundle.close();
const modules = output.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
writeFileSync(join(built, CHUNKS, 'licences.txt'), licences(modules));

await bundleForPages();
await bundleView();
