// Joins the modules of the compiler into a few chunks in dist/: Node spends more on finding, opening and linking 400 files than on what
// is in them. What users and the command line import, and the workers, stay where they are as entries over the chunks, so that all
// of them share one instance of the language. ir/, runtime/ and node/ stay as they are, for the bundlers of users. Names of functions
// are kept: messages name the one that a model called. What shows plans is for browsers, and bundled by itself.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { licences } from './licences.mjs';
import { plainCode } from './plain-code.mjs';
import { plainLoops } from './plain-loops.mjs';

const sources = fileURLToPath(new URL('../compiler/', import.meta.url));
const built = fileURLToPath(new URL('../dist/compiler/', import.meta.url));
// A level below compiler/, as all modules that say where others are by their own address.
const CHUNKS = 'chunks';
/** Entries of the code, by name. */
const CODE = {
  language: 'index',
  load: 'load/index',
  'command-line': 'cli/command-line',
  'build-thread': 'cli/build-thread',
  'check-thread': 'cli/check-thread',
  'evaluate-thread': 'editor/evaluate-thread',
};
/** What the main thread of a build runs. */
const START = ['cli/command-line', 'cli/build-command'];
/** The API, which may be in a program that somebody else has bundled: it asks for nothing of the disk. */
const CORE = ['index'];
/** What the thread of a build runs beside it. */
const WORK = ['load/index', 'cli/build-thread'];
/** Small files that Node starts with, each of which runs an entry of the code. */
const STARTERS = ['cli/main', 'cli/build-worker', 'cli/check-worker', 'editor/evaluate-worker'];
/** Modules that export an entry of the code to whoever imports them. */
const FACADES = { index: 'language', 'load/index': 'load' };
/** Packages that stay packages: they are large, or may be absent, or their objects are handed to users. */
const PACKAGES = [/^node:/, 'typescript', 'webgpu', 'highs', '@dagrejs/graphlib', /^btc-compiler/];

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
    // A worker of a frame without a name cannot be a module.
    const isWorker = names.includes('worker');
    const bundle = await rolldown({
      input: Object.fromEntries(names.map((name) => [name, `${sources}web/${name}.ts`])),
      platform: 'browser',
      treeshake: { moduleSideEffects: true },
      transform: isWorker ? { define: { 'import.meta.url': 'self.location.href' } } : {},
    });
    const { output } = await bundle.write({
      ...{ dir: folder, format: isWorker ? 'iife' : 'esm', chunkFileNames: '[name]-[hash].js' },
      ...{ keepNames: true, minify: true },
      codeSplitting: !isWorker,
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

/** What chunks import by, for scripts have no `import()` of their own. */
const IMPORTER = './import-module.cjs';
const PLAIN_CODE = { name: 'plain-code', renderChunk: (code) => plainCode(code, IMPORTER) };

/** What all modules import of each other from some entries, but not later on demand. */
async function reachedFrom(entries) {
  const reached = new Set();
  const bundle = await rolldown({
    input: entries.map((name) => `${sources}${name}.ts`),
    platform: 'node',
    external: PACKAGES,
    plugins: [
      { name: 'now', resolveDynamicImport: (id) => ({ id, external: true }) },
      { name: 'reached', moduleParsed: ({ id }) => void reached.add(id) },
    ],
  });
  await bundle.generate({ format: 'esm' });
  await bundle.close();
  return reached;
}

/** The compiler as CommonJS. */
async function bundleCode() {
  const [start, core, work] = await Promise.all([START, CORE, WORK].map(reachedFrom));
  const bundle = await rolldown({
    input: Object.fromEntries(
      Object.entries(CODE).map(([name, path]) => [name, `${sources}${path}.ts`]),
    ),
    platform: 'node',
    external: PACKAGES,
    treeshake: { moduleSideEffects: true },
    plugins: [plainLoops(fileURLToPath(new URL('../tsconfig.build.json', import.meta.url)))],
  });
  const { output } = await bundle.write({
    dir: join(built, CHUNKS),
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
    keepNames: true,
    minify: false,
    // What functions are for stands in the declarations.
    comments: { jsdoc: false },
    codeSplitting: {
      groups: [
        { name: 'base', test: (id) => start.has(id) && core.has(id), priority: 5 },
        { name: 'core', test: (id) => core.has(id), priority: 4 },
        { name: 'common', test: (id) => start.has(id) && work.has(id), priority: 3 },
        { name: 'work', test: (id) => work.has(id), priority: 2 },
        { name: 'start', test: (id) => start.has(id), priority: 1 },
      ],
    },
    plugins: [PLAIN_CODE],
  });
  await bundle.close();
  return output;
}

async function bundleStarters() {
  const bundle = await rolldown({
    input: Object.fromEntries(STARTERS.map((name) => [name, `${sources}${name}.ts`])),
    platform: 'node',
    external: PACKAGES,
    plugins: [
      {
        name: 'without-sources',
        transform(code, id) {
          if (!STARTERS.some((name) => id === `${sources}${name}.ts`)) return;
          const changed = code.replace(/\(\) => import\('[^']+'\)/, 'null');
          if (changed === code) this.error(`${id} runs no entry`);
          return changed;
        },
      },
    ],
  });
  await bundle.write({
    ...{ dir: built, format: 'esm', chunkFileNames: `${CHUNKS}/[name]-[hash].js` },
    ...{ keepNames: true, minify: false },
  });
  await bundle.close();
}

/**
 * A module that exports an entry of the code. Between the two is a file that says nothing of what is exported: Node looks for names in
 * files of CommonJS that modules import.
 */
function writeFacade(module, entry, names) {
  const place = join(built, module);
  const base = module.split('/').pop();
  const up = '../'.repeat(module.split('/').length - 1) || './';
  writeFileSync(`${place}.cjs`, `exports.code = require('${up}${CHUNKS}/${entry}.cjs');\n`);
  writeFileSync(
    `${place}.js`,
    `import $code from './${base}.cjs';\n\nexport const { ${names.join(', ')} } = $code.code;\n`,
  );
}

rmSync(join(built, CHUNKS), { recursive: true, force: true });
const output = await bundleCode();
writeFileSync(
  join(built, CHUNKS, 'import-module.cjs'),
  'module.exports = (specifier) => import(/* webpackIgnore: true */ /* @vite-ignore */ specifier);\n',
);
const modules = output.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
writeFileSync(join(built, CHUNKS, 'licences.txt'), licences(modules));
await bundleStarters();
for (const [module, entry] of Object.entries(FACADES)) {
  const { exports } = output.find(({ isEntry, name }) => isEntry && name === entry);
  writeFacade(module, entry, exports);
}

await bundleForPages();
await bundleView();
