import { existsSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceSpan } from '../../ir/source.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { spanOfError } from '../reporting/call-sites.ts';
import type { EmittedModule } from './emit.ts';
import { computedImports } from './model-calls.ts';
import { nearModule, packageName } from './near-module.ts';
import { displayPath, spanAt } from './positions.ts';

/** Of Node, where an import or a `require` leads nowhere. */
const CODES: ReadonlySet<unknown> = new Set([
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
  'ERR_PACKAGE_IMPORT_NOT_DEFINED',
  'ERR_UNKNOWN_BUILTIN_MODULE',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_ESM_URL_SCHEME',
  'ERR_INVALID_MODULE_SPECIFIER',
  'MODULE_NOT_FOUND',
]);

/** Whether Node did not find or take what code imports. */
export const isMissingModule = (error: unknown): error is Error =>
  error instanceof Error && CODES.has((error as NodeJS.ErrnoException).code);

/**
 * BTC5230, at what one of the user's files imports; null where the import is not theirs. `modules` are those files, as they were written
 * to `folderUrl`.
 */
export function missingModule(
  error: Error,
  modules: readonly EmittedModule[],
  folderUrl: string,
): Diagnostic | null {
  const required = /^Cannot find module '([^']*)'\nRequire stack:\n- (.*)$/m.exec(error.message);
  if (required) {
    const [, specifier, from] = required;
    return told(specifier, from, spanOfError(error));
  }
  const isMeant = (specifier: string, from: string) =>
    reasonOf(specifier, from) !== null &&
    spellings(specifier, from).some((spelling) => error.message.includes(spelling));
  const importer = /imported from (.*)$/m.exec(error.message)?.[1];
  for (const { path, imports, source } of modules) {
    const url = new URL(path, folderUrl).href;
    if (importer !== undefined && importer !== url && importer !== fileURLToPath(url)) continue;
    for (const { specifier, offset } of imports) {
      if (isMeant(specifier, source.fileName))
        return told(specifier, source.fileName, spanAt(source, offset));
    }
  }
  for (const { specifier, from, span } of computedImports())
    if (isMeant(specifier, from)) return told(specifier, from, span);
  return null;
}

function told(specifier: string, from: string, place: SourceSpan | null): Diagnostic {
  const reason = reasonOf(specifier, from) ?? 'Node does not find it';
  const meant = nearModule(specifier, from);
  return diagnostic(
    5230,
    place,
    { name: specifier, reason },
    meant === null ? {} : { suggestion: { given: specifier, meant } },
  );
}

const isPath = (specifier: string) => /^\.{0,2}\//.test(specifier) || /^\.\.?$/.test(specifier);

/** What Node may say of an import instead of its text. */
function spellings(specifier: string, from: string): string[] {
  if (isPath(specifier)) return [resolve(dirname(from), specifier)];
  const scheme = /^[a-z]+:/.exec(specifier)?.[0];
  if (scheme) return [specifier, `'${scheme}'`];
  const name = packageName(specifier);
  return [`'${name}'`, `"${specifier}"`, `node_modules/${name}/package.json`];
}

/** Why nothing is there, or nothing that can be imported; null where something is. */
function reasonOf(specifier: string, from: string): string | null {
  if (isPath(specifier)) {
    const path = resolve(dirname(from), specifier);
    if (!existsSync(path)) return `there is no file ${displayPath(path)}`;
    if (statSync(path).isDirectory())
      return `${displayPath(path)} is a folder, and Node imports files`;
    return `Node imports code and JSON, not '${extname(path)}' files`;
  }
  if (specifier.startsWith('#'))
    return 'the nearest package.json has no such entry in its "imports"';
  if (specifier.startsWith('node:')) return isBuiltin(specifier) ? null : 'Node has no such module';
  if (/^[a-z]+:/.test(specifier)) return 'Node imports files and packages, not addresses';
  const name = packageName(specifier);
  const folder = foldersAbove(dirname(from)).find((at) =>
    existsSync(join(at, 'node_modules', name)),
  );
  if (folder === undefined)
    return `package '${name}' is in no folder node_modules beside the file or above it`;
  return `package '${name}' is there, and exports no '${specifier === name ? '.' : `.${specifier.slice(name.length)}`}'`;
}

function foldersAbove(folder: string): string[] {
  const folders = [folder];
  for (let at = folder; at !== dirname(at); at = dirname(at)) folders.push(dirname(at));
  return folders;
}
