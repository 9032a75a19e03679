// Joins the modules of the compiler in dist/ into a few chunks: Node spends more on finding, opening and linking 400 files than on what
// is in them. What users and the command line import, and the workers, stay where they are as entries over the chunks, so that all
// of them share one instance of the language. ir/, runtime/ and node/ stay as they are, for the bundlers of users. Names of functions
// are kept: messages name the one that a model called.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const compiler = fileURLToPath(new URL('../dist/compiler/', import.meta.url));
// A level below compiler/, as all modules that say where others are by their own address.
const CHUNKS = 'chunks';
const ENTRIES = ['index', 'load/index', 'cli/main', 'cli/build-worker', 'cli/check-worker'];

rmSync(`${compiler}${CHUNKS}`, { recursive: true, force: true });
const bundle = await rolldown({
  input: Object.fromEntries(ENTRIES.map((name) => [name, `${compiler}${name}.js`])),
  platform: 'node',
  external: (id) => !/^[./]|^[A-Za-z]:/.test(id),
  // Modules do nothing but declare, as package.json says; entries do what they are for.
  treeshake: { moduleSideEffects: true },
});
await bundle.write({
  dir: compiler,
  format: 'esm',
  chunkFileNames: `${CHUNKS}/[name]-[hash].js`,
  keepNames: true,
  minify: false,
});
await bundle.close();
