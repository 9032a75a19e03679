import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { loadDigits } from '../data/digits.mjs';

const ROOT = new URL('../../', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'));

/** The names of this package as a page imports them, and the built files behind them. */
const OWN = Object.entries(exports).flatMap(([name, target]) => {
  const file = typeof target === 'string' ? target : (target.browser ?? target.default);
  if (!file.endsWith('.js')) return [];
  const find = new RegExp(`^btc-compiler${name.slice(1).replaceAll('/', '\\/')}$`);
  return [{ find, replacement: fileURLToPath(new URL(file, ROOT)) }];
});

/** `--outDir`, else `out` beside the page. */
export function outDirOf(folder) {
  const { values } = parseArgs({ options: { outDir: { type: 'string' } } });
  return values.outDir ?? fileURLToPath(new URL('out', folder));
}

/**
 * Builds a page whose addresses are relative, so that it opens below any path.
 *
 * @param {URL} folder where its index.html is
 * @param {string} outDir
 * @param {Readonly<Record<string, string | Uint8Array>>} files others that the page loads, by name
 */
export async function buildPage(folder, outDir, files) {
  await build({
    root: fileURLToPath(folder),
    configFile: false,
    base: './',
    logLevel: 'warn',
    resolve: { alias: OWN },
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 4000 },
    plugins: [
      {
        name: 'files-of-the-page',
        generateBundle() {
          for (const [fileName, source] of Object.entries(files))
            this.emitFile({ type: 'asset', fileName, source });
        },
      },
    ],
  });
}

/** Handwritten digits for a page: how many there are, then their labels and pixels, a byte each, compressed. */
export function digitsFile(trainCount, testCount) {
  const { train, test } = loadDigits(1, trainCount, testCount);
  const parts = [train, test].map(({ images, labels, count }) => {
    const head = new Uint8Array(new Uint32Array([count]).buffer);
    const pixels = Uint8Array.from(images, (value) => Math.round(255 * value));
    return Buffer.concat([head, Uint8Array.from(labels), pixels]);
  });
  return gzipSync(Buffer.concat(parts), { level: 9 });
}
