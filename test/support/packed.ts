import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './btc.ts';

/** What npm would publish of a package of this repository, unpacked into a folder: its files, by path. */
export function unpackPacked(source: string, target: string): string[] {
  mkdirSync(target, { recursive: true });
  const packed = execFileSync(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', target],
    { cwd: source, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const [{ filename, files }] = JSON.parse(packed) as [
    { filename: string; files: { path: string }[] },
  ];
  const tarball = join(target, filename);
  execFileSync('tar', ['xzf', tarball, '--strip-components=1', '-C', target]);
  rmSync(tarball);
  return files.map(({ path }) => path);
}

/** The tarball's own files in `node_modules` of a folder, with the dependencies that npm would install beside it. */
export function installPacked(folder: string): string[] {
  const files = unpackPacked(ROOT, join(folder, 'node_modules', 'btc-compiler'));
  for (const path of dependencies()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(folder, path));
  }
  return files;
}

/** Folders of the packages that a user's npm installs with this one: `node_modules/commander`. */
export function dependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; peer?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer)
    .map(([path]) => path);
}
