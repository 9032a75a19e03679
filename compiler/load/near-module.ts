import { readdirSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { nearest } from '../nearest.ts';

/** TypeScript's errors for an import of a module that does not exist. */
export const NO_MODULE: readonly string[] = ['TS2307', 'TS2792', 'TS2882'];

/** `@scope/name` or `name` of a specifier that is no path. */
export const packageName = (specifier: string): string => /^(?:@[^/]*\/)?[^/]*/.exec(specifier)![0];

/** What an import of a module that is not there was most likely to be of, as it would be written; null where nothing comes near. */
export function nearModule(specifier: string, from: string): string | null {
  if (specifier.startsWith('node:')) {
    const name = nearest(specifier.slice(5), builtinModules);
    return name === null ? null : `node:${name}`;
  }
  if (/^\.\.?(?:\/|$)/.test(specifier)) return nearPath(specifier, dirname(from));
  return /^[\w@]/.test(specifier) && !specifier.includes(':')
    ? nearPackage(specifier, dirname(from))
    : null;
}

/** Goes down the path, and takes what comes near where a part of it is not there. */
function nearPath(specifier: string, folder: string): string | null {
  const parts = specifier.split('/').filter((part, k, all) => part !== '' || k < all.length - 1);
  const taken: string[] = [];
  let at = folder;
  for (const [k, part] of parts.entries()) {
    const isLast = k === parts.length - 1;
    const found =
      part === '.' || part === '..' || (!isLast && isFolder(join(at, part)))
        ? part
        : nearEntry(at, part, isLast);
    if (found === null) return null;
    taken.push(found);
    at = join(at, found);
  }
  // Without its ending, or a folder with what stands for it.
  const index = isFolder(at) ? entriesOf(at).find((name) => /^index\.[cm]?[jt]s$/.test(name)) : '';
  if (index === undefined) return null;
  const found = [...taken, ...(index === '' ? [] : [index])].join('/');
  return found === specifier ? null : found;
}

function nearEntry(folder: string, name: string, isLast: boolean): string | null {
  const fits = (entry: string) =>
    isFolder(join(folder, entry)) || (isLast && /\.(?:[cm]?[jt]sx?|json)$/.test(entry));
  const entries = entriesOf(folder).filter(fits);
  if (entries.includes(name)) return name;
  const stem = (entry: string) => entry.slice(0, entry.length - extname(entry).length);
  const alike = entries.find((entry) => stem(entry) === name || stem(entry) === stem(name));
  return alike ?? nearest(name, entries);
}

function nearPackage(specifier: string, folder: string): string | null {
  const name = packageName(specifier);
  const rest = specifier.slice(name.length);
  const names = packagesAbove(folder);
  if (!names.has(name)) {
    const near = nearest(name, [...names.keys()]);
    return near === null ? null : near + rest;
  }
  const exported = exportsOf(names.get(name)!);
  const near = nearest(`.${rest}`, exported);
  return near === null || near === `.${rest}` ? null : name + near.slice(1);
}

/** Names of installed packages, with their folders: of the nearest where there are several. */
function packagesAbove(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = folder; ; at = dirname(at)) {
    const modules = join(at, 'node_modules');
    for (const entry of entriesOf(modules)) {
      const names = entry.startsWith('@')
        ? entriesOf(join(modules, entry)).map((name) => `${entry}/${name}`)
        : [entry];
      for (const name of names) if (!found.has(name)) found.set(name, join(modules, name));
    }
    if (at === dirname(at)) return found;
  }
}

function exportsOf(folder: string): string[] {
  try {
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return Object.keys(exports ?? {}).filter((key) => key.startsWith('.') && !key.includes('*'));
  } catch {
    return [];
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
