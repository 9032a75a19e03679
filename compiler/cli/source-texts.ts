import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Plan } from '../../ir/plan.ts';

/** Texts of the files that a plan names, and those that are not to be had, each with why. */
export interface SourceTexts {
  readonly texts: Readonly<Record<string, string>>;
  readonly missing: ReadonlyMap<string, Missing>;
}

/** Why a text is not taken. */
export type Missing = keyof typeof MISSING;

export const MISSING = {
  gone: 'not found in this project',
  outside: 'outside of the folders of this project',
  apart: 'hidden, or of a package',
  other: 'no code by its name',
  large: 'over 1 MiB',
  shorter: 'changed since the plan was built',
} as const;

const MOST_BYTES = 2 ** 20;
const CODE = /\.(?:[cm]?[jt]s|[jt]sx)$/i;

/**
 * The text of the model that a plan was built of, where it is found. A plan may be a stranger's, and a page may be passed on, so a
 * file is taken only where it is code (by its ending), lies in the folder of this process, of the plan, or of the plan's project
 * (the nearest above it with a package.json), links followed, and neither it nor a folder between is hidden or in node_modules;
 * and where it has the lines that the plan names.
 */
export function sourceTexts({ frames = [] }: Plan, planFile: string): SourceTexts {
  const last = new Map<string, number>();
  for (const { file, line } of frames) last.set(file, Math.max(line, last.get(file) ?? 0));
  const roots = rootsOf(dirname(resolve(planFile)));
  const texts: Record<string, string> = {};
  const missing = new Map<string, Missing>();
  for (const [name, line] of last) {
    const found = roots.map((root) => textWithin(root, name));
    const text = found.find((one) => 'text' in one)?.text;
    const why = found.flatMap((one) => ('missing' in one ? [one.missing] : []));
    if (text === undefined) missing.set(name, why.find((one) => one !== 'gone') ?? 'gone');
    else if (line > text.split('\n').length) missing.set(name, 'shorter');
    else texts[name] = text;
  }
  return { texts, missing };
}

/** Where files of a plan's model may be, the nearest first. */
function rootsOf(planFolder: string): string[] {
  const roots = [process.cwd(), planFolder];
  for (let folder = planFolder; ; folder = dirname(folder)) {
    if (isFile(join(folder, 'package.json'))) {
      roots.push(folder);
      break;
    }
    if (folder === dirname(folder)) break;
  }
  return [...new Set(roots)];
}

/** The text of a code file in a folder. */
function textWithin(
  root: string,
  name: string,
): { readonly text: string } | { readonly missing: Missing } {
  if (!CODE.test(name)) return { missing: 'other' };
  const path = isAbsolute(name) ? name : join(root, name);
  // Whether there is a file elsewhere is nobody's business.
  if (isOutside(relative(root, path))) return { missing: 'outside' };
  try {
    const real = realpathSync(path);
    const inside = relative(realpathSync(root), real);
    if (isOutside(inside)) return { missing: 'outside' };
    if (!CODE.test(real) || !isFile(real)) return { missing: 'other' };
    const isApart = (part: string) => part.startsWith('.') || part === 'node_modules';
    if (inside.split(sep).some(isApart)) return { missing: 'apart' };
    if (statSync(real).size > MOST_BYTES) return { missing: 'large' };
    return { text: readFileSync(real, 'utf8') };
  } catch {
    return { missing: 'gone' };
  }
}

const isOutside = (inside: string) =>
  isAbsolute(inside) || inside.split(sep)[0] === '..' || inside === '';

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
