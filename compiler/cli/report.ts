import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { printable } from '../../ir/printable.ts';
import { formatSpan } from '../../ir/source.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { addressOf } from '../explain/address.ts';
import { style } from './style.ts';

/** A diagnostic of TypeScript's or of btc's, in one form. */
export interface ReportedDiagnostic {
  readonly code: string;
  readonly category: 'error' | 'warning' | 'message';
  readonly message: string;
  readonly source: Diagnostic['source'];
  /** Characters to underline. */
  readonly length: number;
  readonly related: NonNullable<Diagnostic['related']>;
}

export function fromBtc(diagnostic: Diagnostic): ReportedDiagnostic {
  return { ...diagnostic, length: 0, related: diagnostic.related ?? [] };
}

/** By file, then position; what has no position comes last. */
export function inOrder(diagnostics: readonly ReportedDiagnostic[]): ReportedDiagnostic[] {
  const key = ({ source }: ReportedDiagnostic) => source ?? { file: '\uffff', line: 0, column: 0 };
  return [...diagnostics].sort((first, second) => {
    const [a, b] = [key(first), key(second)];
    return a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column;
  });
}

/**
 * tsc's plain form: `model.ts(12,9): error BTC2001: …`, which ends with the address of the message's page; related lines are
 * indented.
 */
export function formatPlain(
  { code, category, message, source, related }: ReportedDiagnostic,
  address = addressOf(code),
): string {
  const place = source ? `${formatSpan(source)}: ` : '';
  const lines = related.map(
    (info) => `  ${info.source ? `${formatSpan(info.source)}: ` : ''}${indented(info.message)}`,
  );
  const end = address === null ? '' : ` (${address})`;
  return [`${place}${category} ${code}: ${indented(message)}${end}`, ...lines].join('\n');
}

/** Lines of a message that has several stand under its first: none looks like a message of its own. */
function indented(message: string): string {
  return message.replace(/\r?\n/g, '\n  ');
}

const CATEGORY_COLOURS = { error: style.red, warning: style.yellow, message: style.blue } as const;

/** tsc's pretty form: position, message and the line of code with the expression underlined. */
export function formatPretty(diagnostic: ReportedDiagnostic): string {
  const { code, category, message, source, related, length } = diagnostic;
  const place = source ? `${formatPlace(source)} - ` : '';
  const head = `${place}${CATEGORY_COLOURS[category](category)} ${style.gray(`${code}:`)} ${indented(message)}`;
  const frames = source ? [codeFrame(source, length, CATEGORY_COLOURS[category])] : [];
  for (const info of related) {
    frames.push(
      `  ${info.source ? `${formatPlace(info.source)} - ` : ''}${indented(info.message)}`,
    );
  }
  const address = addressOf(code);
  if (address !== null) frames.push(`  ${style.gray(address)}`);
  return `${[head, ...frames.filter((frame) => frame !== '')].join('\n')}\n`;
}

function formatPlace({ file, line, column }: NonNullable<ReportedDiagnostic['source']>): string {
  return `${style.cyan(printable(file))}:${style.yellow(String(line))}:${style.yellow(String(column))}`;
}

function codeFrame(
  { file, line, column }: NonNullable<ReportedDiagnostic['source']>,
  length: number,
  colour: (text: string) => string,
): string {
  const text = lineOf(file, line);
  if (text === null) return '';
  const rest = text.slice(column - 1);
  const width = Math.max(1, Math.min(length || expressionLength(rest), rest.length));
  const number = String(line);
  return `\n${style.inverse(number)} ${text}\n${style.inverse(' '.repeat(number.length))} ${' '.repeat(column - 1)}${colour('~'.repeat(width))}`;
}

/** Characters of the call that starts here: to its closing bracket, or the first word. */
function expressionLength(text: string): number {
  let depth = 0;
  for (let k = 0; k < text.length; k++) {
    if ('([{'.includes(text[k])) depth++;
    if (')]}'.includes(text[k])) {
      depth--;
      if (depth === 0) return k + 1;
      if (depth < 0) return Math.max(1, k);
    }
    if (depth === 0 && /[\s;,]/.test(text[k])) return Math.max(1, k);
  }
  return text.trimEnd().length;
}

function lineOf(file: string, line: number): string | null {
  try {
    return readFileSync(resolve(file), 'utf8').split(/\r?\n/)[line - 1] ?? null;
  } catch {
    return null;
  }
}

/** `Found 3 errors in model.ts:12` as tsc's last line. */
export function formatSummary(diagnostics: readonly ReportedDiagnostic[]): string {
  const errors = diagnostics.filter(({ category }) => category === 'error');
  if (errors.length === 0) return '';
  const files = new Set(
    errors.map(({ source }) => source?.file).filter((file) => file !== undefined),
  );
  const [first] = errors.filter(({ source }) => source !== null);
  const count = `Found ${errors.length} error${errors.length === 1 ? '' : 's'}`;
  if (files.size > 1) return `${count} in ${files.size} files.\n`;
  return first?.source
    ? `${count} in ${first.source.file}${style.gray(`:${first.source.line}`)}\n`
    : `${count}.\n`;
}

/** Prints everything of one build in one stream. */
export function printDiagnostics(
  diagnostics: readonly ReportedDiagnostic[],
  pretty: boolean,
  write: (text: string) => void,
): void {
  const ordered = inOrder(diagnostics);
  for (const diagnostic of ordered)
    write(`${pretty ? formatPretty(diagnostic) : formatPlain(diagnostic)}\n`);
  if (pretty) write(formatSummary(ordered));
}
