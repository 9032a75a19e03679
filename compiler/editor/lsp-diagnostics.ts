import { resolve } from 'node:path';
import {
  type DiagnosticRelatedInformation,
  DiagnosticSeverity,
  type Diagnostic as LspDiagnostic,
} from 'vscode-languageserver/node';
import type { SourceSpan } from '../../ir/source.ts';
import type { Diagnostic, Suggestion } from '../diagnostics.ts';
import { addressOf } from '../explain/address.ts';
import type { Analysis } from './analyses.ts';
import { type CodePlaces, codePlaces, type Extent } from './code-places.ts';
import type { ParsedModel } from './parsed-model.ts';
import { rangeIn } from './ranges.ts';

/** Diagnostics of an editor, by path of the file. */
export type FileDiagnostics = ReadonlyMap<string, readonly LspDiagnostic[]>;

export interface DiagnosticOptions {
  /** Whether the editor shows places that belong to a message. */
  readonly hasRelated: boolean;
  readonly uriOf: (path: string) => string;
}

const SEVERITIES = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  message: DiagnosticSeverity.Information,
} as const;

/** The path of a span's file, which is told as tsc prints it. */
export const pathOf = (span: SourceSpan): string => resolve(span.file);

const placesKnown = new WeakMap<ParsedModel, Map<string, CodePlaces>>();

/** The expressions of a file of a model; null where it is none of the user's. */
export function placesOfFile(parsed: ParsedModel, path: string): CodePlaces | null {
  let known = placesKnown.get(parsed);
  if (!known) {
    known = new Map();
    placesKnown.set(parsed, known);
  }
  const source = parsed.sources.get(path);
  if (!source) return null;
  let places = known.get(path);
  if (!places) {
    places = codePlaces(source);
    known.set(path, places);
  }
  return places;
}

/** What is wrong with a model, at the files where it is. Empty of a file that is no model. */
export function diagnosticsOf(
  { file, parsed, found, diagnosed, problem }: Analysis,
  options: DiagnosticOptions,
): FileDiagnostics {
  if (!parsed?.isModel) return new Map();
  const all = new Map<string, LspDiagnostic[]>([[file, []]]);
  const add = (path: string, diagnostic: LspDiagnostic) => {
    all.set(path, [...(all.get(path) ?? []), diagnostic]);
  };
  if (parsed.syntax.length > 0) {
    for (const { code, category, message, source, length } of parsed.syntax) {
      const places = source && placesOfFile(parsed, pathOf(source));
      if (!places) continue;
      const start = places.offsetOf(source);
      const range = rangeIn(places.source.text, { start, end: start + length });
      add(pathOf(source), { range, severity: SEVERITIES[category], code, source: 'btc', message });
    }
    return all;
  }
  const current = found?.parsed === parsed ? found.findings.diagnostics : (diagnosed ?? []);
  for (const diagnostic of problem ? [problem] : current) {
    const { source } = diagnostic;
    const places = source && placesOfFile(parsed, pathOf(source));
    const path = places ? pathOf(source) : file;
    const text = parsed.sources.get(path)?.text ?? '';
    const extent = places ? places.extentOf(source) : wholeModel(text);
    add(path, lspDiagnostic(diagnostic, parsed, text, extent, options));
  }
  return all;
}

/** Of a message about all of the model: where that is exported, else the first line. */
function wholeModel(text: string): Extent {
  const found = /export\s+default\b/.exec(text);
  if (found) return { start: found.index, end: found.index + found[0].length };
  return { start: 0, end: Math.max(0, text.search(/[\r\n]|$/)) };
}

function lspDiagnostic(
  { code, category, message, related = [], suggestion }: Diagnostic,
  parsed: ParsedModel,
  text: string,
  extent: Extent,
  { hasRelated, uriOf }: DiagnosticOptions,
): LspDiagnostic {
  const placed: DiagnosticRelatedInformation[] = [];
  const lines: string[] = [];
  for (const { message: line, source } of related) {
    const places = source && placesOfFile(parsed, pathOf(source));
    if (!places || !hasRelated) {
      lines.push(source ? `${line}: ${source.file}(${source.line},${source.column})` : line);
      continue;
    }
    const range = rangeIn(places.source.text, places.extentOf(source));
    placed.push({ message: line, location: { uri: uriOf(pathOf(source)), range } });
  }
  // Pages of messages have an address that is a command.
  const address = addressOf(code);
  if (address !== null) lines.push(address);
  return {
    range: rangeIn(text, extent),
    severity: SEVERITIES[category],
    ...{ code, source: 'btc', message: [message, ...lines].join('\n') },
    ...(placed.length > 0 ? { relatedInformation: placed } : {}),
    ...(suggestion ? { data: suggestion satisfies Suggestion } : {}),
  };
}
