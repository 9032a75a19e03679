import { fileURLToPath, pathToFileURL } from 'node:url';
import type { TextDocumentContentChangeEvent } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { DISK } from '../load/disk.ts';

/** The files that an editor has open, by the path that imports lead to. */
export interface OpenFiles {
  /** The path of a file that was opened or changed; null for what is not on a disk. */
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

export function createOpenFiles(): OpenFiles {
  const byPath = new Map<string, TextDocument>();
  const pathOf = (uri: string): string | null => {
    try {
      if (new URL(uri).protocol !== 'file:') return null;
      const path = fileURLToPath(uri);
      // A link and what it leads to are one file, as they are for imports.
      return DISK.realpath(path).replaceAll('\\', '/');
    } catch {
      return null;
    }
  };
  return {
    pathOf,
    open(document) {
      const path = pathOf(document.uri);
      if (path !== null) byPath.set(path, document);
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
      return path !== null && byPath.delete(path) ? path : null;
    },
    at: (path) => byPath.get(path) ?? null,
    uriOf: (path) => byPath.get(path)?.uri ?? pathToFileURL(path).href,
  };
}
