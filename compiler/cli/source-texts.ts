import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Plan } from '../../ir/plan.ts';

/** Texts of the files that a plan names, and the names of those that are not to be had. */
export interface SourceTexts {
  readonly texts: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
}

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
  const missing: string[] = [];
  for (const [name, line] of last) {
    const text = roots.map((root) => textWithin(root, name)).find((found) => found !== null);
    if (text != null && line <= text.split('\n').length) texts[name] = text;
    else missing.push(name);
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

/** The text of a code file in a folder; null where it is none of these, or elsewhere. */
function textWithin(root: string, name: string): string | null {
  if (!CODE.test(name)) return null;
  try {
    const real = realpathSync(isAbsolute(name) ? name : join(root, name));
    const inside = relative(realpathSync(root), real);
    const parts = inside.split(sep);
    const isOutside = isAbsolute(inside) || parts[0] === '..' || inside === '';
    if (isOutside || !CODE.test(real)) return null;
    if (parts.some((part) => part.startsWith('.') || part === 'node_modules')) return null;
    const { size } = statSync(real);
    return isFile(real) && size <= MOST_BYTES ? readFileSync(real, 'utf8') : null;
  } catch {
    return null;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
