import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../dist/compiler/web/', import.meta.url));
const LIMIT = 450_000;

/** Bytes of a file and of all that it imports, at once or also later, compressed each by itself. */
function bytesOf(entry: string, withLater: boolean): number {
  const found = new Set<string>();
  const waiting = [entry];
  let bytes = 0;
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    const text = readFileSync(FOLDER + file, 'utf8');
    bytes += gzipSync(text, { level: 9 }).length;
    const pattern = withLater
      ? /(?:from|import|import\()["'`]\.\/([^"'`]+)["'`]/g
      : /(?:from|import)["'`]\.\/([^"'`]+)["'`]/g;
    for (const [, name] of text.matchAll(pattern)) waiting.push(name);
  }
  return bytes;
}

test('the compiler in a page takes at most 450 kB, compressed', () => {
  if (!existsSync(`${FOLDER}worker.js`)) throw new Error("dist/ is not built; run 'npm run build'");
  const [page, all, worker, source] = [
    bytesOf('index.js', false),
    bytesOf('index.js', true),
    bytesOf('worker.js', false),
    bytesOf('source.js', false),
  ];
  expect(page).toBeGreaterThan(200_000);
  expect(page).toBeLessThanOrEqual(LIMIT);
  expect(all).toBeLessThanOrEqual(LIMIT);
  expect(worker).toBeLessThanOrEqual(LIMIT);
  expect(source).toBeLessThanOrEqual(20_000);
});
