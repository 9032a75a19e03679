// Makes a project of a template. Nothing is written before everything is known to be right, and a project is written as a whole or not
// at all.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const TEMPLATES_FOLDER = fileURLToPath(new URL('./templates/', import.meta.url));
export const VERSION = JSON.parse(
  readFileSync(new URL('./package.json', import.meta.url), 'utf8'),
).version;

/** What each template is, in the order in which they are offered. */
export const TEMPLATES = {
  node: 'trains in Node',
  vite: 'a page that trains (Vite)',
  worker: 'a page that trains in a worker (Vite)',
};

/** Folders that a template is made of. */
const PARTS = {
  node: ['common', 'node'],
  vite: ['common', 'page', 'vite'],
  worker: ['common', 'page', 'worker'],
};

/** What is wrong with what was asked for: a sentence for the user. */
export class CreateError extends Error {}

/** npm does not pack files of this name, so that templates have it without the dot. */
const RENAMED = new Map([['_gitignore', '.gitignore']]);

/** @returns why npm takes no package of that name, or null */
export function nameProblem(name) {
  if (name.length === 0) return 'it is empty';
  if (name.length > 214) return 'it is longer than 214 characters';
  if (name !== name.toLowerCase()) return 'it has capital letters';
  if (!/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(name))
    return 'it may have letters, digits, - . _ and ~, and starts with none of . and _';
  if (name === 'node_modules' || name === 'btc-compiler') return 'it is taken';
  return null;
}

/** The name of a package in a folder: its letters in lower case, `-` for what npm does not take. */
const nameFor = (folder) =>
  folder
    .trim()
    .toLowerCase()
    .replace(/^[._]+/, '')
    .replace(/[^a-z0-9._~-]+/g, '-')
    .replace(/^-+|-+$/g, '');

export function templateProblem(template) {
  if (Object.hasOwn(TEMPLATES, template)) return null;
  return `there is no template '${template}'; the templates are ${Object.keys(TEMPLATES).join(', ')}`;
}

function statOf(path) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    return error;
  }
}

/** @returns why no project can be in that folder, or null */
export function folderProblem(folder) {
  if (folder.trim() === '') return 'the folder has no name';
  const found = statOf(folder);
  if (found instanceof Error) return `'${folder}' cannot be made: ${found.message}`;
  if (!found) return null;
  if (!found.isDirectory()) return `'${folder}' is a file`;
  if (readdirSync(folder).length > 0)
    return `the folder '${folder}' is not empty; name another one, or empty it first`;
  return null;
}

/**
 * @param {{ folder: string, template: string, name?: string, source?: string }} options `name` of the package, made of that of the folder
 * where it is not given; `source` of btc-compiler, as npm takes it
 * @returns {{ folder: string, name: string, files: string[] }}
 * @throws {CreateError} where the folder, the template or the name will not do
 */
export function create({
  folder,
  template,
  name = nameFor(basename(resolve(folder))),
  source = `^${VERSION}`,
}) {
  const wrongName = nameProblem(name);
  const problem =
    templateProblem(template) ??
    folderProblem(folder) ??
    (wrongName &&
      `'${name}' cannot be the name of a package: ${wrongName}; give another with --name`);
  if (problem) throw new CreateError(problem);
  const target = resolve(folder);
  const { firstMade, staging } = stagingFor(target);
  try {
    // mkdtemp keeps folders to their owner; a project is as any folder that the user makes.
    chmodSync(staging, 0o777 & ~process.umask());
    for (const part of PARTS[template])
      cpSync(join(TEMPLATES_FOLDER, part), staging, { recursive: true });
    for (const [from, to] of RENAMED)
      if (existsSync(join(staging, from))) renameSync(join(staging, from), join(staging, to));
    writePackage(join(staging, 'package.json'), { name, source });
    const files = readdirSync(staging).sort();
    moveInto(target, staging);
    return { folder: target, name, files };
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (firstMade) rmSync(firstMade, { recursive: true, force: true });
    throw error;
  }
}

/** One by one: where a folder takes none, `recursive` of Node may try for ever. @returns the first that was not there */
function makeFolders(folder) {
  const missing = [];
  for (let path = folder; !existsSync(path); path = dirname(path)) missing.unshift(path);
  for (const path of missing) mkdirSync(path);
  return missing[0];
}

/** A folder for the files on their way, on the disk that they go to. */
function stagingFor(target) {
  try {
    const firstMade = makeFolders(dirname(target));
    const parent = existsSync(target) ? target : dirname(target);
    return { firstMade, staging: mkdtempSync(join(parent, '.create-btc-')) };
  } catch (error) {
    throw new CreateError(`'${target}' cannot be made: ${error.message}`);
  }
}

function writePackage(file, { name, source }) {
  const { name: _, dependencies, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  const written = { name, ...rest, dependencies: { ...dependencies, 'btc-compiler': source } };
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
}

/** A new folder appears whole; into an empty one that is there, the files move one by one, and back where one cannot. */
function moveInto(target, staging) {
  if (!existsSync(target)) {
    renameSync(staging, target);
    return;
  }
  const moved = [];
  try {
    for (const entry of readdirSync(staging)) {
      renameSync(join(staging, entry), join(target, entry));
      moved.push(entry);
    }
  } catch (error) {
    for (const entry of moved) rmSync(join(target, entry), { recursive: true, force: true });
    throw error;
  }
  rmSync(staging, { recursive: true });
}
