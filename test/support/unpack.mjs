import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

const root = fileURLToPath(new URL('../..', import.meta.url));
const archives = join(root, 'node_modules/@sparticuz/chromium/bin');

/**
 * Unpacks brotli-packed archives of `@sparticuz/chromium` together into one cache folder, once, and returns that folder.
 * A `.br` that is no tar becomes one executable file.
 */
export async function unpack(...names) {
  const sources = await Promise.all(names.map(describe));
  const name = sources.map((source) => source.name).join('+');
  const cache = await cacheFolder();
  const target = join(cache, `${name}-${sources.map((source) => source.version).join('-')}`);
  if (existsSync(target)) return target;
  // Others may unpack at the same time: each writes a folder of its own, the first rename wins.
  const partial = await mkdtemp(join(cache, `${name}-partial-`));
  try {
    for (const { archive, path, name } of sources) {
      const bytes = brotliDecompressSync(await readFile(path));
      if (archive.endsWith('.tar.br')) await extractTar(bytes, partial);
      else await writeFile(join(partial, name), bytes, { mode: 0o755 });
    }
    await chmod(partial, 0o755);
    await rename(partial, target).catch((error) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return target;
}

async function describe(archive) {
  const path = join(archives, archive);
  const { size, mtimeMs } = await stat(path).catch(() => {
    throw new Error(
      `${archive} is missing from @sparticuz/chromium; run 'npm ci' to install the development dependencies`,
    );
  });
  const name = archive.replace(/(\.tar)?\.br$/, '');
  return { archive, path, name, version: `${size}.${Math.round(mtimeMs)}` };
}

async function cacheFolder() {
  const inModules = join(root, 'node_modules/.cache/btc');
  try {
    await mkdir(inModules, { recursive: true });
    return inModules;
  } catch {
    const folder = join(tmpdir(), `btc-cache-${process.getuid?.() ?? 'user'}`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }
}

/** Regular files of a ustar archive; the archives read here hold nothing else but folders. */
async function extractTar(bytes, folder) {
  const text = (start, length) =>
    bytes.toString('latin1', start, start + length).replace(/\0.*/s, '');
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const name = text(at, 100);
    const mode = Number.parseInt(text(at + 100, 8), 8);
    const size = Number.parseInt(text(at + 124, 12), 8);
    const kind = text(at + 156, 1);
    if (name.startsWith('/') || name.split('/').includes('..'))
      throw new Error(`the archive holds a file outside of it: ${name}`);
    if (kind === '0' || kind === '') {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes.subarray(at + 512, at + 512 + size), { mode: mode || 0o644 });
    } else if (kind !== '5') throw new Error(`${name}: tar entries of kind '${kind}' are not read`);
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
