import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { TextDocumentContentChangeEvent } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { DISK } from '../load/disk.ts';

/** The files that an editor has open, by the path that imports lead to. */
export interface OpenFiles {
  /** The path of a file that was opened or changed; null for what can be no file. */
  open(document: TextDocument): string | null;
  change(
    uri: string,
    changes: readonly TextDocumentContentChangeEvent[],
    version: number,
  ): string | null;
  close(uri: string): string | null;
  at(path: string): TextDocument | null;
  pathOf(uri: string): string | null;
  /** As the editor calls it. */
  uriOf(path: string): string;
}

/** `folder`: where files that were never saved would be. */
export function createOpenFiles(folder: () => string): OpenFiles {
  const byPath = new Map<string, TextDocument>();
  /** By address of what is open: its path stays the same, whatever becomes of the file on the disk. */
  const paths = new Map<string, string>();
  const pathOf = (uri: string) => paths.get(uri) ?? pathOfFile(uri);
  return {
    pathOf,
    open(document) {
      const { uri, languageId } = document;
      const path = pathOfFile(uri) ?? pathOfUntitled(uri, languageId, folder());
      if (path === null) return null;
      paths.set(uri, path);
      byPath.set(path, document);
      return path;
    },
    change(uri, changes, version) {
      const path = pathOf(uri);
      const document = path === null ? undefined : byPath.get(path);
      if (path === null || !document) return null;
      byPath.set(path, TextDocument.update(document, [...changes], version));
      return path;
    },
    close(uri) {
      const path = pathOf(uri);
      paths.delete(uri);
      return path !== null && byPath.delete(path) ? path : null;
    },
    at: (path) => byPath.get(path) ?? null,
    uriOf: (path) => byPath.get(path)?.uri ?? pathToFileURL(path).href,
  };
}

function pathOfFile(uri: string): string | null {
  try {
    return new URL(uri).protocol === 'file:' ? realPath(fileURLToPath(uri)) : null;
  } catch {
    return null;
  }
}

/** A link and what it leads to are one file, as they are for imports; so it is with folders of a file that is not there yet. */
function realPath(path: string): string {
  let existing = path;
  while (!DISK.fileExists(existing) && !DISK.directoryExists(existing)) {
    const folder = dirname(existing);
    if (folder === existing) break;
    existing = folder;
  }
  return join(DISK.realpath(existing), path.slice(existing.length)).replaceAll('\\', '/');
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  typescript: '.ts',
  typescriptreact: '.tsx',
  javascript: '.mjs',
  javascriptreact: '.jsx',
};

/** `untitled:Untitled-1` is nowhere yet: it is looked at as if it lay in the folder. */
function pathOfUntitled(uri: string, languageId: string, folder: string): string | null {
  const extension = Object.hasOwn(EXTENSIONS, languageId) ? EXTENSIONS[languageId] : null;
  const [, given] = /^untitled:([^?#]*)/.exec(uri) ?? [];
  if (!given || extension === null) return null;
  try {
    const name = decodeURIComponent(given);
    const path = resolve(realPath(resolve(folder)), name);
    return extname(basename(path)) === '' ? `${path}${extension}` : path;
  } catch {
    return null;
  }
}
