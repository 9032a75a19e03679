import type { Diagnostic as LspDiagnostic } from 'vscode-languageserver/node';
import type { FileDiagnostics } from './lsp-diagnostics.ts';

/** What an editor shows of several models, which may share files. */
export interface Published {
  /** What is wrong by one model, in place of what was; gives the files of which another list is to be shown. */
  replace(model: string, diagnostics: FileDiagnostics): readonly string[];
  /** Of one file, each once. */
  at(path: string): readonly LspDiagnostic[];
}

export function createPublished(): Published {
  const byModel = new Map<string, FileDiagnostics>();
  return {
    replace(model, diagnostics) {
      const before = byModel.get(model) ?? new Map();
      byModel.set(model, diagnostics);
      return [...new Set([...before.keys(), ...diagnostics.keys()])];
    },
    at(path) {
      const all = [...byModel.values()].flatMap((diagnostics) => diagnostics.get(path) ?? []);
      return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
    },
  };
}
