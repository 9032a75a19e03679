import type ts from 'typescript';
import { shortNames } from '../../ir/shorten.ts';
import { spanAt } from '../load/positions.ts';
import { typescript } from '../load/typescript.ts';
import type { ReportedDiagnostic } from './report.ts';

export function fromTypeScript(diagnostic: ts.Diagnostic): ReportedDiagnostic {
  const { file, start } = diagnostic;
  return {
    code: `TS${diagnostic.code}`,
    category:
      diagnostic.category === typescript.DiagnosticCategory.Error
        ? 'error'
        : diagnostic.category === typescript.DiagnosticCategory.Warning
          ? 'warning'
          : 'message',
    message: textOf(diagnostic.messageText),
    source: file && start !== undefined ? spanAt(file, start) : null,
    length: diagnostic.length ?? 1,
    related: (diagnostic.relatedInformation ?? []).map((info) => ({
      message: textOf(info.messageText),
      source: info.file && info.start !== undefined ? spanAt(info.file, info.start) : null,
    })),
  };
}

function textOf(message: ts.Diagnostic['messageText']): string {
  return shortNames(typescript.flattenDiagnosticMessageText(message, '\n'));
}
