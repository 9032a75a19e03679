// Joins the modules of the compiler into a few chunks in dist/: Node spends more on finding, opening and linking 400 files than on what
// is in them. What users and the command line import, and the workers, stay where they are as entries over the chunks, so that all
// of them share one instance of the language. ir/, runtime/ and node/ stay as they are, for the bundlers of users. Names of functions
// are kept: messages name the one that a model called.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { licences } from './licences.mjs';

const sources = fileURLToPath(new URL('../compiler/', import.meta.url));
const built = fileURLToPath(new URL('../dist/compiler/', import.meta.url));
// A level below compiler/, as all modules that say where others are by their own address.
const CHUNKS = 'chunks';
const ENTRIES = [
  ...['index', 'load/index', 'cli/main', 'cli/build-worker', 'cli/check-worker'],
  'editor/evaluate-worker',
];
/** Packages that stay packages: they are large, or may be absent, or their objects are handed to users. */
const PACKAGES = [
  /^node:/,
  'typescript',
  'wabt',
  'webgpu',
  'highs',
  '@dagrejs/graphlib',
  /^btc-compiler/,
];

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
