import ts from 'typescript';
import { spanAt } from '../load/positions.ts';
import type { ReportedDiagnostic } from './report.ts';

export function fromTypeScript(diagnostic: ts.Diagnostic): ReportedDiagnostic {
  const { file, start } = diagnostic;
  return {
    code: `TS${diagnostic.code}`,
    category:
      diagnostic.category === ts.DiagnosticCategory.Error
        ? 'error'
        : diagnostic.category === ts.DiagnosticCategory.Warning
          ? 'warning'
          : 'message',
    message: ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'),
    source: file && start !== undefined ? spanAt(file, start) : null,
    length: diagnostic.length ?? 1,
    related: (diagnostic.relatedInformation ?? []).map((info) => ({
      message: ts.flattenDiagnosticMessageText(info.messageText, '\n'),
      source: info.file && info.start !== undefined ? spanAt(info.file, info.start) : null,
    })),
  };
}
